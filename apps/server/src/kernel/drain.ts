import type { IncomingMessage } from 'node:http'

/** A body of more is cut off, as is one that takes longer. */
const MOST_BYTES = 64 * 1024 * 1024
const MOST_MS = 10_000

/** Reads what is left of a refused request, and keeps none of it: many clients look at the answer only when they have sent everything, and would find the connection broken. */
export function drained(request: IncomingMessage): Promise<void> {
  if (request.complete || request.destroyed) return Promise.resolve()
  const { promise, resolve } = Promise.withResolvers<void>()
  let bytes = 0
  const count = (chunk: Buffer) => {
    bytes += chunk.length
    if (bytes > MOST_BYTES) resolve()
  }
  const late = setTimeout(resolve, MOST_MS)
  request.on('data', count).once('end', resolve).once('close', resolve).resume()
  return promise.finally(() => {
    clearTimeout(late)
    request.off('data', count)
  })
}
