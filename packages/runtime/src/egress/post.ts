import type { Readable } from 'node:stream'
import { text as textOf } from 'node:stream/consumers'
import type { Dispatcher } from 'undici'
import { errors, request } from 'undici'
import { AnswerTooLarge, unpacked } from './unpacked.ts'

/** What nearly every call is: text that is sent with headers, and may be stopped. */
export type Post = { headers: Record<string, string>; body: string; signal?: AbortSignal }
/** An answer whose body nobody has read. A `Response` is one. */
export type Posted = {
  status: number
  headers: { get(name: string): string | null }
  text(): Promise<string>
  body: AsyncIterable<Uint8Array> | null
  /** Gives up what is left of the body, and the connection. */
  cancel?(): void
}
/** `maxAnswerBytes`: of an answer, unpacked. */
export type Through = { dispatcher: Dispatcher; maxAnswerBytes: number }

type Answer = Dispatcher.ResponseData
type Body = AsyncIterable<Uint8Array> & { destroy(): void }

const REDIRECTS = new Set([301, 302, 303, 307, 308])
const WITHOUT_BODY = new Set([204, 205, 304])

/**
 * A `POST` with the errors of `fetch` until the answer begins, without the machinery that browsers need: it takes a third of the time. It follows
 * no redirect: that is an answer like any other. The answer is asked for as it is; one that is packed nevertheless is unpacked.
 */
export async function post(through: Through, url: string | URL, given: Post): Promise<Posted> {
  const { answer, body } = await answered(through, url, given, 'manual')
  const { statusCode: status, headers } = answer
  return {
    status,
    headers: {
      get(name) {
        const value = headers[name.toLowerCase()]
        return value === undefined ? null : [value].flat().join(', ')
      },
    },
    text: () =>
      (body === answer.body ? answer.body.text() : textOf(body as unknown as Readable)).catch(rethrown(through)),
    body: body === answer.body ? sized(answer.body, through) : body,
    cancel: () => body.destroy(),
  }
}

/** The same, as what `fetch` gives. */
export async function postAsFetch(
  through: Through,
  url: string | URL,
  { redirect, headers, ...given }: Omit<Post, 'headers'> & { headers: Headers; redirect: 'manual' | 'error' },
): Promise<Response> {
  const { answer, body } = await answered(through, url, { ...given, headers: Object.fromEntries(headers) }, redirect)
  const packed = body !== answer.body
  const list = listOf(answer.headers).filter(([name]) => !packed || !/^content-(encoding|length)$/i.test(name))
  const init = { status: answer.statusCode, headers: list }
  if (!WITHOUT_BODY.has(answer.statusCode)) return new Response(webStream(body), init)
  await answer.body.dump()
  return new Response(null, init)
}

async function answered(
  { dispatcher, maxAnswerBytes }: Through,
  url: string | URL,
  { headers, body, signal }: Post,
  redirect: 'manual' | 'error',
): Promise<{ answer: Answer; body: Body }> {
  const asIs = headers['accept-encoding'] === undefined ? { ...headers, 'accept-encoding': 'identity' } : headers
  try {
    const answer = await request(url, { method: 'POST', headers: asIs, body, dispatcher, ...(signal && { signal }) })
    // Whoever reads it is told; where nobody does, nobody misses it.
    answer.body.on('error', () => {})
    if (redirect === 'error' && REDIRECTS.has(answer.statusCode)) {
      answer.body.destroy()
      throw new Error('unexpected redirect')
    }
    const packing = [answer.headers['content-encoding'] ?? []].flat().join(',')
    const packed = packing !== '' && packing !== 'identity'
    return { answer, body: packed ? unpacked(answer.body, packing, maxAnswerBytes) : answer.body }
  } catch (error) {
    if (signal?.aborted) throw signal.reason
    throw new TypeError('fetch failed', { cause: error })
  }
}

/** The client below counts the bytes of an answer that is not packed, and has an error of its own. */
const tooLarge = (error: unknown, { maxAnswerBytes }: Through) =>
  error instanceof errors.ResponseExceededMaxSizeError ? new AnswerTooLarge(maxAnswerBytes) : error
const rethrown = (through: Through) => (error: unknown) => {
  throw tooLarge(error, through)
}

/** The pieces of a body, under the error of ours. */
function sized(body: Readable, through: Through): AsyncIterable<Uint8Array> {
  return {
    [Symbol.asyncIterator]() {
      const pieces = body.iterator() as AsyncIterableIterator<Uint8Array>
      return {
        next: () => pieces.next().catch(rethrown(through)),
        return: async () => (await pieces.return?.()) ?? { done: true, value: undefined },
      }
    },
  }
}

/** A piece when it is asked for. (`Readable.toWeb` throws where nobody can catch it when a body is given up as a piece arrives.) */
function webStream(body: Body): ReadableStream<Uint8Array> {
  const pieces = body[Symbol.asyncIterator]()
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

const listOf = (headers: Answer['headers']): [string, string][] =>
  Object.entries(headers).flatMap(([name, value]) =>
    value === undefined ? [] : [value].flat().map((one): [string, string] => [name, one]),
  )
