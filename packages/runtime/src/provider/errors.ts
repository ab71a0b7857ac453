import { Refusal } from '@stewrd/core/kernel/errors.ts'
import { APIConnectionError, APIConnectionTimeoutError, APIError, APIUserAbortError } from 'openai'

/** The codes of the wire contract for what a provider did. */
export type ProviderErrorCode =
  | 'provider_key_rejected'
  | 'provider_quota_exceeded'
  | 'model_not_found'
  | 'compute_error'
  | 'compute_unavailable'

/** What a provider refused or failed at, in our own words: the provider's may hold the key, and the SDK's error holds the request. */
export class ProviderError extends Error {
  override readonly name = 'ProviderError'
  readonly code: ProviderErrorCode
  /** The provider's HTTP status; null when there was none. */
  readonly status: number | null
  /** Seconds, when the provider said so. */
  readonly retryAfter: number | null
  /** It may pass by itself: a limit of rate, a fault of the server's, a broken connection. */
  readonly retryable: boolean
  constructor(
    code: ProviderErrorCode,
    message: string,
    status: number | null = null,
    { retryAfter = null, retryable = false }: { retryAfter?: number | null; retryable?: boolean } = {},
  ) {
    super(message)
    this.code = code
    this.status = status
    this.retryAfter = retryAfter
    this.retryable = retryable
  }
}

/** The stop came from us: the caller went away, or the run was ended. */
export class Aborted extends Error {
  override readonly name = 'Aborted'
}

/** Any error of a provider call as one of ours. Nothing of the original is kept: it holds headers and bodies. */
export function providerError(error: unknown): ProviderError | Aborted {
  if (error instanceof ProviderError || error instanceof Aborted) return error
  if (error instanceof APIUserAbortError) return new Aborted('the call was stopped')
  if (error instanceof APIConnectionTimeoutError || isTimeout(error))
    return new ProviderError('compute_unavailable', 'The provider did not answer in time.')
  const refusal = refusalIn(error)
  if (refusal) return new ProviderError('compute_unavailable', refusal.message)
  if (error instanceof APIConnectionError)
    return new ProviderError('compute_unavailable', 'The provider could not be reached.', null, { retryable: true })
  if (error instanceof APIError && typeof error.status === 'number') return ofStatus(error.status, error)
  return new ProviderError('compute_error', 'The provider broke off, or sent an answer that cannot be read.')
}

/** An answer of a provider that is no success. */
export function ofStatus(
  status: number,
  {
    code,
    type,
    headers,
  }: { code?: unknown; type?: unknown; headers: { get(name: string): string | null } | undefined },
): ProviderError {
  const seconds = Math.ceil(Number(headers?.get('retry-after')))
  const retryAfter = seconds > 0 && seconds <= 3600 ? seconds : null
  if (status === 401 || status === 403)
    return new ProviderError(
      'provider_key_rejected',
      `The provider refused the key (HTTP ${status}). Rotate the key of this project.`,
      status,
    )
  if (status === 402 || (status === 429 && (code === 'insufficient_quota' || type === 'insufficient_quota')))
    return new ProviderError(
      'provider_quota_exceeded',
      `The provider says that the quota or balance of this key is used up (HTTP ${status}).`,
      status,
    )
  if (status === 404 || (status === 400 && code === 'model_not_found'))
    return new ProviderError(
      'model_not_found',
      'The provider does not know this model. Choose another model for this project.',
      status,
    )
  if (status === 429)
    return new ProviderError(
      'compute_error',
      'The provider limits the rate of calls (HTTP 429). Try again in a moment.',
      status,
      { retryAfter, retryable: true },
    )
  if (status === 400 || status === 422)
    return new ProviderError('compute_error', `The provider refused the request (HTTP ${status}).`, status)
  return new ProviderError('compute_error', `The provider failed (HTTP ${status}).`, status, {
    retryAfter,
    retryable: status >= 500,
  })
}

/** Our own egress refusal, which the fetch and the SDK wrap in theirs. */
function refusalIn(error: unknown): Refusal | undefined {
  for (let at = error, depth = 0; at instanceof Error && depth < 6; at = at.cause, depth++)
    if (at instanceof Refusal) return at
  return undefined
}

function isTimeout(error: unknown): boolean {
  for (let at = error, depth = 0; at instanceof Error && depth < 6; at = at.cause, depth++)
    if (at.name === 'TimeoutError' || ('code' in at && typeof at.code === 'string' && /TIMEOUT/.test(at.code)))
      return true
  return false
}
