import type { Readable } from 'node:stream'
import type { Dispatcher } from 'undici'
import { request } from 'undici'

/** What nearly every call is: text that is sent with headers, and may be stopped. */
export type Post = { headers: Record<string, string>; body: string; signal?: AbortSignal }
/** An answer whose body nobody has read. A `Response` is one. */
export type Posted = {
  status: number
  headers: { get(name: string): string | null }
  text(): Promise<string>
  body: AsyncIterable<Uint8Array> | null
}

type Answer = Dispatcher.ResponseData

const REDIRECTS = new Set([301, 302, 303, 307, 308])
const WITHOUT_BODY = new Set([204, 205, 304])

/**
 * A `POST` with the errors of `fetch` until the answer begins, without the machinery that browsers need: it takes a third of the time. It follows
 * no redirect. The answer is asked for as it is, not packed.
 */
export async function post(dispatcher: Dispatcher, url: string | URL, given: Post): Promise<Posted> {
  const { statusCode: status, headers, body } = await answered(dispatcher, url, given, 'error')
  return {
    status,
    headers: {
      get(name) {
        const value = headers[name.toLowerCase()]
        return value === undefined ? null : [value].flat().join(', ')
      },
    },
    text: () => body.text(),
    body,
  }
}

/** The same, as what `fetch` gives. */
export async function postAsFetch(
  dispatcher: Dispatcher,
  url: string | URL,
  { redirect, headers, ...given }: Omit<Post, 'headers'> & { headers: Headers; redirect: 'manual' | 'error' },
): Promise<Response> {
  const answer = await answered(dispatcher, url, { ...given, headers: Object.fromEntries(headers) }, redirect)
  const init = { status: answer.statusCode, headers: listOf(answer.headers) }
  if (!WITHOUT_BODY.has(answer.statusCode)) return new Response(webStream(answer.body), init)
  await answer.body.dump()
  return new Response(null, init)
}

async function answered(
  dispatcher: Dispatcher,
  url: string | URL,
  { headers, body, signal }: Post,
  redirect: 'manual' | 'error',
): Promise<Answer> {
  const asIs = headers['accept-encoding'] === undefined ? { ...headers, 'accept-encoding': 'identity' } : headers
  try {
    const answer = await request(url, { method: 'POST', headers: asIs, body, dispatcher, ...(signal && { signal }) })
    // Whoever reads it is told; where nobody does, nobody misses it.
    answer.body.on('error', () => {})
    if (redirect === 'error' && REDIRECTS.has(answer.statusCode)) throw givenUp(answer, 'unexpected redirect')
    const packed = answer.headers['content-encoding']
    if (packed !== undefined && packed !== 'identity')
      throw givenUp(answer, 'the answer is packed, though that was not asked for')
    return answer
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
        body.destroy()
      },
    },
    { highWaterMark: 0 },
  )
}

/** Gives the connection back. */
function givenUp({ body }: Answer, why: string): Error {
  body.destroy()
  return new Error(why)
}

const listOf = (headers: Answer['headers']): [string, string][] =>
  Object.entries(headers).flatMap(([name, value]) =>
    value === undefined ? [] : [value].flat().map((one): [string, string] => [name, one]),
  )
