import { Readable } from 'node:stream'
import type { IncomingMessage } from 'node:http'
import type { FastifyReply, FastifyRequest } from 'fastify'

type Bounds = { bytes: number; ms: number }
/** Before an early answer goes out: most bodies end within this, and their connection can be used again. */
const FIRST: Bounds = { bytes: 8 * 1024 * 1024, ms: 300 }
/** After the answer: many clients read it only when they have sent everything, and a close would reset them. */
const AFTERWARDS: Bounds = { bytes: 64 * 1024 * 1024, ms: 10_000 }

/**
 * An `onSend` hook for answers that are given before the body of their request was read: what is left of it is read and thrown away, and
 * when that is too much, the connection is closed after the answer. Otherwise the next request of the connection would wait behind it.
 */
export async function endUnreadBody({ raw }: FastifyRequest, reply: FastifyReply, payload: unknown): Promise<unknown> {
  if (isRead(raw) || (await discarded(raw, FIRST))) return payload
  reply.header('connection', 'close')
  const rest = discarded(raw, AFTERWARDS)
  if (payload instanceof Readable) return Readable.from(followed(payload, rest), { objectMode: false })
  if (typeof payload !== 'string' && !Buffer.isBuffer(payload)) return rest.then(() => payload)
  reply.header('content-length', String(Buffer.byteLength(payload)))
  return heldOpen(payload, rest)
}

const isRead = ({ readableEnded, destroyed, headers }: IncomingMessage) =>
  readableEnded || destroyed || (headers['transfer-encoding'] === undefined && !Number(headers['content-length']))

/** Whether the rest of the body ended within the bounds. */
function discarded(request: IncomingMessage, { bytes, ms }: Bounds): Promise<boolean> {
  if (request.readableEnded || request.destroyed) return Promise.resolve(true)
  const { promise, resolve } = Promise.withResolvers<boolean>()
  let left = bytes
  const count = (chunk: Buffer) => {
    left -= chunk.length
    if (left < 0) resolve(false)
  }
  const end = () => resolve(true)
  const late = setTimeout(resolve, ms, false)
  // A parser that gave up would hold the rest back.
  request.unpipe()
  request.on('data', count).once('end', end).once('close', end).resume()
  return promise.finally(() => {
    clearTimeout(late)
    request.off('data', count).off('end', end).off('close', end)
    request.pause()
  })
}

/** The answer at once, its end when `rest` settles: Node closes the connection at the end of an answer that says so. */
function heldOpen(payload: string | Buffer, rest: Promise<unknown>): Readable {
  const answer = new Readable({ read() {} })
  answer.push(payload)
  void rest.finally(() => answer.push(null))
  return answer
}

async function* followed(payload: Readable, rest: Promise<unknown>) {
  yield* payload as AsyncIterable<Buffer>
  await rest
}
