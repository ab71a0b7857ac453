import { z } from 'zod'
import { Refusal } from '../kernel/errors.ts'
import { changeMeta, Reason, Text } from '../kernel/text.ts'
import type { ProviderRef } from './events.ts'
import { ModelId } from './events.ts'
import type { ProviderId } from './providers.ts'
import { providerIds, providers } from './providers.ts'

/** A provider key as a person pastes it: one line of printable ASCII, quotes around it removed. Messages never quote it. */
export const ProviderKey = z
  .string({ error: 'The key must be text.' })
  .transform(unquoted)
  .pipe(
    z
      .string()
      .min(8, 'The key is shorter than 8 characters. Paste the whole key.')
      .max(512, 'The key is longer than 512 characters. Paste only the key.')
      .refine((key) => !/[\r\n]/.test(key), 'The key contains a line break. Paste it as a single line.')
      .superRefine((key, ctx) => {
        const problem = pastedWithTheKey(key)
        if (problem) ctx.addIssue({ code: 'custom', message: problem })
      }),
  )

/** Without white space and one pair of quotes around it, as in `"sk-…",` of a JSON file. */
function unquoted(text: string): string {
  const trimmed = text.trim()
  return (/^(["'`])(.*)\1[,;]?$/s.exec(trimmed)?.[2] ?? trimmed).trim()
}

/** What came along with the key, or in its place. */
function pastedWithTheKey(key: string): string | undefined {
  if (/^undefined$/i.test(key) || /^<?your[-_ ]?(api[-_ ]?)?key(-here)?>?$/i.test(key))
    return 'This is a placeholder, not a key. Paste the key that the provider shows.'
  if (/^(export\s+|set\s+)?[A-Z][A-Z0-9_]{2,}\s*=\s*[^=\s]/.test(key))
    return 'The key starts with the name of a variable. Paste only what follows the equals sign.'
  if (/^(authorization\s*:|bearer\s)/i.test(key))
    return 'The key starts with the name of a header. Paste only what follows "Bearer".'
  if (!/^[\x21-\x7e]*$/.test(key))
    return 'The key contains a space or a character that keys do not have. Paste only the key.'
  if (/["'`]/.test(key)) return 'The key contains a quotation mark. Paste only the key.'
  return undefined
}

export const BaseUrl = z
  .string()
  .trim()
  .max(500)
  .refine(
    (text) => parseBaseUrl(text) !== undefined,
    'The base URL must look like https://host/v1, without user, password, query or fragment.',
  )
  .transform((text) => parseBaseUrl(text)!)

/** What a dashboard or client sends to set a provider. Without `key`, or with an echoed mask, the stored key is kept. */
export const SetProviderInput = z.strictObject({
  projectId: z.uuid(),
  provider: z.enum(providerIds),
  baseUrl: BaseUrl.optional(),
  model: ModelId,
  key: Text.max(2000).optional(),
  reason: Reason.optional(),
  ...changeMeta,
})
/** How long the key before stays as a fallback. */
const OverlapMinutes = z
  .int('The overlap is a whole number of minutes.')
  .min(0, 'The overlap cannot be negative.')
  .max(24 * 60, 'The overlap is at most 24 hours.')
const change = { projectId: z.uuid(), reason: Reason.optional(), ...changeMeta }
export const RotateKeyInput = z.strictObject({
  projectId: z.uuid(),
  key: Text.max(2000).optional(),
  overlapMinutes: OverlapMinutes.optional(),
  reason: Reason.optional(),
  ...changeMeta,
})
export const ChangeModelInput = z.strictObject({
  projectId: z.uuid(),
  model: ModelId,
  reason: Reason.optional(),
  ...changeMeta,
})
export const RemoveProviderInput = z.strictObject(change)
export const StageKeyInput = z.strictObject({ ...change, key: Text.max(2000).optional() })
export const ActivateKeyInput = z.strictObject({ ...change, overlapMinutes: OverlapMinutes.optional() })
/** Back to the configuration after this many changes. */
export const RestoreInput = z.strictObject({ ...change, revision: z.int().min(0) })
/** Of `unstage`, `rollback` and `endOverlap`. */
export const RotationStepInput = z.strictObject(change)

/** True for what a page or log shows in place of a key (bullets, stars, "…", "[secret]"): no key at all, so it must never overwrite one. */
export const isMask = (text: string) =>
  /^(.{0,20}?)([•●*·∙]{3,}|…|\.{3})(.{0,8})$/u.test(text.trim()) || /^[[<][a-z ]{0,20}[\]>]$/i.test(text.trim())

/** The key to use of what was sent: undefined when left out or masked; otherwise checked, or refused by field name. */
export function keyOf(sent: string | undefined): string | undefined {
  if (sent === undefined || sent.trim() === '' || isMask(sent)) return undefined
  const parsed = ProviderKey.safeParse(sent)
  if (!parsed.success) throw new Refusal('INVALID_INPUT', { field: 'key', problem: parsed.error.issues[0]!.message })
  return parsed.data
}

/** The provider's own base URL, or the given one for `custom`. */
export function providerRef(provider: ProviderId, baseUrl: string | undefined): ProviderRef {
  const known = providers[provider].baseUrl
  if (known && baseUrl && baseUrl !== known)
    throw new Refusal('INVALID_INPUT', {
      field: 'baseUrl',
      problem: `${providers[provider].name} has its own base URL. Choose Custom for another.`,
    })
  const url = known ?? baseUrl
  if (!url)
    throw new Refusal('INVALID_INPUT', {
      field: 'baseUrl',
      problem: 'A custom provider needs a base URL, such as https://host/v1.',
    })
  return { provider, baseUrl: url }
}

function parseBaseUrl(text: string): string | undefined {
  const url = URL.parse(text)
  if (!url || !/^https?:$/.test(url.protocol) || url.username || url.password || url.search || url.hash)
    return undefined
  // Not `href`: it keeps a bare `?` or `#`, and a path appended to that would no longer be a path.
  return (url.origin + url.pathname).replace(/\/+$/, '')
}
