import type { Readable } from 'node:stream'
import type { Dispatcher } from 'undici'
import { request } from 'undici'

/** What nearly every call is: text that is sent with headers, and may be stopped. */
export type Post = { headers: Headers; body: string; signal?: AbortSignal; redirect: 'manual' | 'error' }

const REDIRECTS = new Set([301, 302, 303, 307, 308])
const WITHOUT_BODY = new Set([204, 205, 304])

/**
 * A `POST` as `fetch` would send it and answer it, with the same errors until the answer begins, without the machinery that browsers need: it takes a third of the time.
 * The answer is asked for as it is, not packed.
 */
export async function post(
  dispatcher: Dispatcher,
  url: string | URL,
  { headers, body, signal, redirect }: Post,
): Promise<Response> {
  if (!headers.has('accept-encoding')) headers.set('accept-encoding', 'identity')
  try {
    const answer = await request(url, { method: 'POST', headers, body, dispatcher, ...(signal && { signal }) })
    const { statusCode: status } = answer
    if (redirect === 'error' && REDIRECTS.has(status)) return await given(answer, 'unexpected redirect')
    const packed = answer.headers['content-encoding']
    if (packed !== undefined && packed !== 'identity')
      return await given(answer, 'the answer is packed, though that was not asked for')
    const init = { status, headers: listOf(answer.headers) }
    if (!WITHOUT_BODY.has(status)) return new Response(webStream(answer.body), init)
    await answer.body.dump()
    return new Response(null, init)
  } catch (error) {
    if (signal?.aborted) throw signal.reason
    throw new TypeError('fetch failed', { cause: error })
  }
}

/** A piece when it is asked for. (`Readable.toWeb` throws where nobody can catch it when a body is given up as a piece arrives.) */
function webStream(body: Readable): ReadableStream<Uint8Array> {
  const pieces = body.iterator()
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const { done, value } = (await pieces.next()) as IteratorResult<Uint8Array, undefined>
        if (done) controller.close()
        else controller.enqueue(value)
      },
      cancel() {
        body.on('error', () => {}).destroy()
      },
    },
    { highWaterMark: 0 },
  )
}

/** Gives the connection back. */
async function given({ body }: Dispatcher.ResponseData, why: string): Promise<never> {
  body.on('error', () => {}).destroy()
  throw new Error(why)
}

const listOf = (headers: Dispatcher.ResponseData['headers']): [string, string][] =>
  Object.entries(headers).flatMap(([name, value]) =>
    value === undefined ? [] : [value].flat().map((one): [string, string] => [name, one]),
  )
