import type { Egress } from '../egress/egress.ts'
import type { Posted } from '../egress/post.ts'
import { classify } from './classify.ts'
import { ProviderError, RequestRefused } from './errors.ts'
import { scrubberOf } from './reading/key-scrubber.ts'
import { reasonIn } from './reading/reason.ts'
import type { ProviderTarget } from './target.ts'
import { ownError, providerError } from './thrown.ts'

/** `timeoutMs`: until the provider's first byte. The whole is bounded by `signal`. `optional`: fields of ours that a provider may refuse, with what is sent instead. */
export type Sent = {
  target: ProviderTarget
  body: object
  optional?: Readonly<Record<string, object>>
  signal: AbortSignal
  timeoutMs: number
}

/** Characters of an answer of failure in which its reason is looked for. */
const MOST_REASON = 64 * 1024

/** Asks for a completion, and gives the answer back unread once its headers are there. Throws `ProviderError`, or `Aborted`. */
export async function send(egress: Pick<Egress, 'post'>, request: Sent): Promise<Posted> {
  let { body } = request
  const left = new Map(Object.entries(request.optional ?? {}))
  for (;;)
    try {
      return await attempt(egress, { ...request, body })
    } catch (error) {
      if (!(error instanceof RequestRefused)) throw error
      const refused = [...left].find(([field]) => field in body && names(error, field))
      if (!refused) throw error
      const [field, instead] = refused
      left.delete(field)
      body = { ...Object.fromEntries(Object.entries(body).filter(([name]) => name !== field)), ...instead }
    }
}

const names = ({ message, detail }: RequestRefused, field: string) =>
  [message, detail.param ?? ''].some((text) => text.includes(field))

async function attempt(egress: Pick<Egress, 'post'>, { target, body, signal, timeoutMs }: Sent): Promise<Posted> {
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
    const { status, headers } = answer
    if (status >= 200 && status < 300) return answer
    throw classify({ status, headers, said: reasonIn(await beginningOf(answer)), scrubber: scrubberOf(target.key) })
  } catch (error) {
    signal.removeEventListener('abort', stop)
    if (late) throw new ProviderError('compute_unavailable', 'The provider did not answer in time.')
    if (signal.aborted && signal.reason instanceof ProviderError) throw signal.reason
    if (error instanceof TypeError && !ownError(error))
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

/** As much of a body as a reason needs; one that breaks off has told what it has. */
async function beginningOf(answer: Posted): Promise<string> {
  const decoder = new TextDecoder()
  let text = ''
  try {
    for await (const piece of answer.body ?? []) {
      text += decoder.decode(piece, { stream: true })
      if (text.length > MOST_REASON) break
    }
  } catch {
    // The status says enough.
  }
  return text.slice(0, MOST_REASON)
}
