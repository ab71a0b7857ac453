import type { Egress } from '../egress/egress.ts'
import type { Posted } from '../egress/post.ts'
import { ProviderError, providerError } from './errors.ts'
import type { ProviderTarget } from './target.ts'

/** `timeoutMs`: until the provider's first byte. The whole is bounded by `signal`. */
export type Sent = { target: ProviderTarget; body: object; signal: AbortSignal; timeoutMs: number }
/** What a provider says of a request that it refuses. */
export type Said = { message?: unknown; param?: unknown; code?: unknown; type?: unknown }
type RefusalOf = (answer: Posted, said: Said) => ProviderError

/** Asks for a chat completion, and gives the answer back unread once its headers are there. Throws `ProviderError`, or `Aborted`. */
export async function send(
  egress: Pick<Egress, 'post'>,
  { target, body, signal, timeoutMs }: Sent,
  refusalOf: RefusalOf,
): Promise<Posted> {
  // One controller for both reasons. A run's own signal lives no longer than the run, so nobody has to take the listener away again.
  const call = new AbortController()
  const stop = () => call.abort(signal.reason)
  signal.addEventListener('abort', stop, { once: true })
  if (signal.aborted) stop()
  let late = false
  const timer = setTimeout(() => {
    late = true
    call.abort()
  }, timeoutMs)
  try {
    const answer = await egress.post(`${target.baseUrl}/chat/completions`, {
      headers: { authorization: `Bearer ${target.key.reveal()}`, ...always },
      body: JSON.stringify(body),
      signal: call.signal,
    })
    if (answer.status >= 200 && answer.status < 300) return answer
    throw refusalOf(answer, await saidBy(answer))
  } catch (error) {
    signal.removeEventListener('abort', stop)
    if (late) throw new ProviderError('compute_unavailable', 'The provider did not answer in time.')
    if (signal.aborted && signal.reason instanceof ProviderError) throw signal.reason
    if (error instanceof TypeError && !refusedByUs(error))
      throw new ProviderError('compute_unavailable', 'The provider could not be reached.', null, { retryable: true })
    throw providerError(error)
  } finally {
    clearTimeout(timer)
  }
}

// Some hosts turn away whoever does not say what they are.
const always = {
  'content-type': 'application/json',
  accept: 'application/json, text/event-stream',
  'user-agent': 'Stewrd',
}

/** Our own egress refusal, which the call wraps in its error. */
const refusedByUs = ({ cause }: Error) => cause instanceof Error && cause.name === 'Refusal'

async function saidBy(answer: Posted): Promise<Said> {
  try {
    const body = JSON.parse(await answer.text()) as { error?: object } | null
    return body?.error ?? {}
  } catch {
    return {}
  }
}
