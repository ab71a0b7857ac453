/** The codes of the wire contract for what a provider did. */
export type ProviderErrorCode =
  | 'provider_key_rejected'
  | 'provider_quota_exceeded'
  | 'model_not_found'
  | 'payload_too_large'
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

/** What a provider said of a request that it refused, without the key; only where the request itself was wrong. */
export class RequestRefused extends ProviderError {
  readonly detail: { message: string; param: string | null; code: string | null }
  constructor(status: number, detail: RequestRefused['detail']) {
    const code = status === 413 ? 'payload_too_large' : 'compute_error'
    super(code, `The provider refused the request (HTTP ${status}): ${detail.message}`, status)
    this.detail = detail
  }
}

/** The stop came from us: the caller went away, or the run was ended. */
export class Aborted extends Error {
  override readonly name = 'Aborted'
}

export const brokenOff = () => new ProviderError('compute_error', 'The provider broke off in the middle of its answer.')
export const unreadable = () => new ProviderError('compute_error', 'The provider sent an answer that cannot be read.')
