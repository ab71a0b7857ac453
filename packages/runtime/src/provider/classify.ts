import { beginningOf } from '@stewrd/core/kernel/cut.ts'
import { ProviderError, RequestRefused } from './errors.ts'
import type { KeyScrubber } from './reading/key-scrubber.ts'
import type { Said } from './reading/reason.ts'
import { retryAfterOf } from './reading/retry-after.ts'

const MOST_DETAIL = 400

type Failure = {
  /** Of the answer; null for a failure that stands in an answer of 200 and names none. */
  status: number | null
  said: Said
  headers?: { get(name: string): string | null } | undefined
  /** Absent: the provider's words are not told. */
  scrubber?: KeyScrubber
}

/** An answer of a provider that is no success, as an error of ours: the provider's reason is told, without the key. */
export function classify({ status: given, said, headers, scrubber }: Failure): ProviderError {
  const status = given ?? said.status ?? statusOfCode(said)
  const reason = scrubber ? scrubbed(said.message, scrubber) : ''
  const because = reason ? `: ${reason}` : '.'
  const at = status === null ? '' : ` (HTTP ${status})`
  const known = [said.code, said.type].map((name) => name?.toLowerCase() ?? '')
  if (status === null) return new ProviderError('compute_error', `The provider failed${because}`)
  if (status < 400) return new ProviderError('compute_error', `${redirected}${at}. Check the base URL.`, status)
  if (isQuota(status, known, said.message))
    return new ProviderError('provider_quota_exceeded', `${usedUp}${at}${because}`, status, {
      retryAfter: retryAfterOf(headers),
    })
  if (rejectsKey(status, known, said.message))
    return new ProviderError(
      'provider_key_rejected',
      `The provider refused the key${at}. Rotate the key of this project.`,
      status,
    )
  if (isUnknownModel(status, known, said.message))
    return new ProviderError('model_not_found', `${unknownModel}${at}${because}`, status)
  if (status === 404 && aboutTheRoute(said))
    return new ProviderError(
      'compute_error',
      `${noSuchAddress}${at}. Check the base URL: most end with /v1, and none with the name of a route.`,
      status,
    )
  if (status === 429)
    return new ProviderError('compute_error', `The provider limits the rate of calls${at}${because}`, status, {
      retryAfter: retryAfterOf(headers),
      retryable: true,
    })
  if (status >= 500 || status === 408 || status === 425)
    return new ProviderError('compute_error', `The provider failed${at}${because}`, status, {
      retryAfter: retryAfterOf(headers),
      retryable: true,
    })
  return new RequestRefused(status, {
    message: reason || 'it gave no reason.',
    param: nameIn(said.param, scrubber),
    code: nameIn(said.code, scrubber),
  })
}

const redirected = 'The provider answered with a redirect, which is not followed'
const usedUp = 'The provider says that the quota or balance of this key is used up'
const unknownModel = 'The provider does not know this model. Choose another model'
const noSuchAddress = 'The provider has nothing at this address'

/** Names of errors that stand in an answer of 200, where no number does. */
function statusOfCode({ code, type, message }: Said): number | null {
  const text = `${code ?? ''} ${type ?? ''}`.toLowerCase()
  const found = statuses.find(([names]) => names.test(text))
  if (found) return found[1]
  return /\b(?:rate.?limit|too many requests)/i.test(message) ? 429 : null
}
const statuses: [RegExp, number][] = [
  [/insufficient_quota|billing|payment/, 402],
  [/rate.?limit|too_many_requests|resource_exhausted|throttl/, 429],
  [/invalid_api_key|authentication|unauthenticated|unauthorized/, 401],
  [/permission|forbidden|moderation|policy|region/, 403],
  [/model_not_found/, 404],
  [/too_large/, 413],
  [/overloaded|unavailable/, 503],
  [/timeout/, 504],
  [/invalid_request|bad_?request|invalid_argument|context_length|validation/, 400],
  [/server_error|internal|api_error/, 500],
]

const isQuota = (status: number, known: readonly string[], message: string) =>
  status === 402 ||
  ((status === 429 || status === 403) &&
    (known.some((name) => /insufficient_quota|quota_exceeded|billing_hard_limit/.test(name)) ||
      /\bkey limit exceeded|insufficient (?:credits|balance|funds)|exceeded your current quota/i.test(message)))

/** Only what says that the key is wrong: a 403 of moderation, of a region, of a firewall or of a permission is no verdict on it. */
function rejectsKey(status: number, known: readonly string[], message: string): boolean {
  if (status === 401) return !NO_KEY_FAULT.test(`${known.join(' ')} ${message}`)
  if (status !== 403 && status !== 400) return false
  return (
    known.some((name) =>
      /^(?:invalid_api_key|api_key_invalid|authentication_error|invalid_authentication)$/.test(name),
    ) || KEY_FAULT.test(message)
  )
}
const NO_KEY_FAULT = /moderation|flagged|unsupported_country|country|region\b|territory|firewall|cloudflare|waf\b/i
const KEY = String.raw`(?:api[ _-]?key|access token|auth(?:entication)? (?:key|token)|bearer token|credentials?)`
const WRONG = String.raw`(?:invalid|incorrect|expired|revoked|disabled|deactivated|deleted|unknown|wrong|malformed|not valid|not found|not recognized|not active)`
const KEY_FAULT = new RegExp(String.raw`\b${WRONG}\b[^.]{0,30}\b${KEY}|\b${KEY}\b[^.]{0,40}\b${WRONG}\b`, 'i')

function isUnknownModel(status: number, known: readonly string[], message: string): boolean {
  if (status !== 404 && status !== 400 && status !== 422) return false
  if (known.includes('model_not_found') || known.includes('unknown_model')) return true
  if (status === 404 && /^no endpoints found for /i.test(message)) return true
  return (
    UNKNOWN_MODEL.test(message) &&
    (status === 404 || /not a valid model|unknown model|model .*(?:not found|does not exist)/i.test(message))
  )
}
const UNKNOWN_MODEL =
  /\bmodels?\b[^.]*(?:not (?:be )?found|does not exist|doesn't exist|not exist|unknown|not available|no longer|not a valid)|(?:no such|unknown|invalid|not a valid) model|not found[^.]*\bmodel/i

/** A 404 that says no more than that there is nothing. */
const aboutTheRoute = ({ message }: Said) =>
  message === '' ||
  /^\W*(?:404\W*)?(?:page |route |path |url |resource |endpoint )?not found\W*$|^(?:cannot|invalid|unknown) (?:post|url|path|route)\b|no (?:route|static resource)/i.test(
    message,
  )

const nameIn = (value: string | null, scrubber: KeyScrubber | undefined) =>
  value !== null && scrubber && /^[\w.[\]-]{1,100}$/.test(value) && scrubbed(value, scrubber) === value ? value : null

/** Without the key, whatever looks like one, and control characters. */
export function scrubbed(text: string, scrubber: KeyScrubber): string {
  const without = scrubber.scrub(text.slice(0, 4 * MOST_DETAIL))
  const clean = without
    .replace(/\b(?:sk|pk|key|Bearer)[-_ ][\w*.-]{6,}/gi, '[key]')
    .replace(/[\p{Cc}\p{Cf}\p{Cs}]+/gu, ' ')
    .trim()
  return beginningOf(clean, MOST_DETAIL)
}
