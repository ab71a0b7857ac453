import type { Egress } from '../egress/egress.ts'
import { ofStatus, ProviderError, providerError } from './errors.ts'
import type { ProviderTarget } from './target.ts'

const MOST_DETAIL = 400

export type Forward = { target: ProviderTarget; body: object; signal: AbortSignal; timeoutMs: number }

/** What a provider said of a request that it refused, without the key; only where the request itself was wrong. */
export class RequestRefused extends ProviderError {
  readonly detail: { message: string; param: string | null; code: string | null }
  constructor(status: number, detail: RequestRefused['detail']) {
    super('compute_error', `The provider refused the request (HTTP ${status}): ${detail.message}`, status)
    this.detail = detail
  }
}

/** Sends a chat completion on as it is, and gives the answer back unread once its headers are there. Throws `ProviderError`. */
export async function forward(egress: Pick<Egress, 'fetch'>, request: Forward): Promise<Response> {
  const { target, body, signal, timeoutMs } = request
  const late = new AbortController()
  const timer = setTimeout(() => late.abort(), timeoutMs)
  try {
    const response = await egress.fetch(`${target.baseUrl}/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${target.key.reveal()}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
      signal: AbortSignal.any([signal, late.signal]),
    })
    if (response.ok) return response
    throw refusalOf(response, await said(response), target.key.reveal())
  } catch (error) {
    if (late.signal.aborted) throw new ProviderError('compute_unavailable', 'The provider did not answer in time.')
    if (signal.aborted && signal.reason instanceof ProviderError) throw signal.reason
    if (error instanceof TypeError && !refusedByUs(error))
      throw new ProviderError('compute_unavailable', 'The provider could not be reached.', null, { retryable: true })
    throw providerError(error)
  } finally {
    clearTimeout(timer)
  }
}

/** Our own egress refusal, which the fetch wraps in its error. */
const refusedByUs = ({ cause }: Error) => cause instanceof Error && cause.name === 'Refusal'

async function said(
  response: Response,
): Promise<{ message?: unknown; param?: unknown; code?: unknown; type?: unknown }> {
  try {
    const body = (await response.json()) as { error?: object } | null
    return body?.error ?? {}
  } catch {
    return {}
  }
}

function refusalOf(
  { status, headers }: Response,
  { message, param, code, type }: Awaited<ReturnType<typeof said>>,
  key: string,
): ProviderError {
  const known = ofStatus(status, { code, type, headers })
  if (known.code !== 'compute_error' || (status !== 400 && status !== 422)) return known
  return new RequestRefused(status, {
    message: typeof message === 'string' ? scrubbed(message, key) : 'it gave no reason.',
    param: nameIn(param),
    code: nameIn(code),
  })
}

const nameIn = (value: unknown) => (typeof value === 'string' && /^[\w.[\]-]{1,100}$/.test(value) ? value : null)

/** Without the key, whatever looks like one, and control characters. */
export function scrubbed(text: string, key: string): string {
  const without = text.slice(0, 4 * MOST_DETAIL).replaceAll(key, '[key]')
  const clean = without.replace(/\b(?:sk|pk|key|Bearer)[-_ ][\w*.-]{6,}/gi, '[key]').replace(/[\p{Cc}\p{Cf}]+/gu, ' ')
  return clean.slice(0, MOST_DETAIL)
}
