import { z } from 'zod'

// oxlint's no-control-regex is about accidents; here control characters are the very thing that is refused.
const controlCharacters = /\p{Cc}/u
/** They reorder what stands around them: `letter\u202Excod.txt` is shown as `lettertxt.docx`. */
const directionControls = /\p{Bidi_Control}/u

/** True for text that can be stored and shown everywhere: no NUL, which Postgres refuses, and no half of a surrogate pair. */
export const isStorable = (text: string): boolean => text.isWellFormed() && !text.includes('\0')

/** The same text made storable: each NUL and each half of a surrogate pair becomes U+FFFD. */
export const storable = (text: string): string =>
  isStorable(text) ? text : text.toWellFormed().replaceAll('\0', '\uFFFD')

/** `isStorable` for every text in plain JSON data, keys included. */
export function isStorableData(value: unknown): boolean {
  if (typeof value === 'string') return isStorable(value)
  if (typeof value !== 'object' || value === null) return true
  // Every event goes through here: no copies.
  for (const key in value)
    if (!isStorable(key) || !isStorableData((value as Record<string, unknown>)[key])) return false
  return true
}

/** `storable` for every text in plain JSON data, keys included. Returns the value itself when nothing has to change. */
export const storableData = <T>(value: T): T => (isStorableData(value) ? value : (copied(value) as T))

function copied(value: unknown): unknown {
  if (typeof value === 'string') return storable(value)
  if (typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(copied)
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [storable(key), copied(item)]))
}

const NOT_STORABLE = 'contains a NUL character or half of a surrogate pair. Send well-formed Unicode text.'

/** Any text that comes from outside, of any length. */
export const Text = z.string().refine(isStorable, NOT_STORABLE)

/** Plain JSON data from outside in which every text is well formed. */
export const storableJson = <T extends z.ZodType>(schema: T) => schema.refine(isStorableData, NOT_STORABLE)

/** What a model, a person or a thing is called in a request: no control characters. Empty text is for the caller to judge. */
export const nameText = (max: number) =>
  Text.max(max, `is longer than ${max} characters.`)
    .refine((text) => !controlCharacters.test(text), 'contains a line break or another control character.')
    .refine((text) => !directionControls.test(text), 'contains a character that changes the direction of text.')

/** One line of text a person typed: trimmed, 1 to `max` characters, well formed, no control characters. */
const freeLine = (max: number, what: string) =>
  z
    .string({ error: `${what} must be text.` })
    .trim()
    .min(1, `${what} is empty.`)
    .max(max, `${what} is longer than ${max} characters.`)
    .refine((text) => !controlCharacters.test(text), `${what} contains a line break or another control character.`)
    .refine(isStorable, `${what} contains half of a surrogate pair. Send well-formed Unicode text.`)

/** One line that names something: also without characters that change the direction of text. */
export const line = (max: number, what: string) =>
  freeLine(max, what).refine(
    (text) => !directionControls.test(text),
    `${what} contains a character that changes the direction of text.`,
  )

/** Why a change was made, for the audit history. */
export const Reason = freeLine(500, 'The reason')

/** What a purchase is known by elsewhere, such as the number of an invoice. */
export const Reference = line(100, 'The reference')

/** The part of an edge's input that every change shares. */
export const changeMeta = {
  commandId: line(200, 'The idempotency key').optional(),
  expectedRevision: z.int().min(0).optional(),
}
