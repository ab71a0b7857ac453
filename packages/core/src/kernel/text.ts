import { z } from 'zod'

// oxlint's no-control-regex is about accidents; here control characters are the very thing that is refused.
const controlCharacters = /\p{Cc}/u

/** One line of text a person typed: trimmed, 1 to `max` characters, no control characters. */
export const line = (max: number, what: string) =>
  z
    .string({ error: `${what} must be text.` })
    .trim()
    .min(1, `${what} is empty.`)
    .max(max, `${what} is longer than ${max} characters.`)
    .refine((text) => !controlCharacters.test(text), `${what} contains a line break or another control character.`)

/** Why a change was made, for the audit history. */
export const Reason = line(500, 'The reason')

/** What a purchase is known by elsewhere, such as the number of an invoice. */
export const Reference = line(100, 'The reference')

/** The part of an edge's input that every change shares. */
export const changeMeta = {
  commandId: line(200, 'The idempotency key').optional(),
  expectedRevision: z.int().min(0).optional(),
}
