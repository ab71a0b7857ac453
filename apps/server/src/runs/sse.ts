import type { FastifyReply } from 'fastify'
import type { Frame } from './feed.ts'

const PING_MS = 15_000

/** A stream of server-sent events that begins with the first of them, so that an error before it can still be plain JSON. */
export function eventStream(reply: FastifyReply) {
  const { raw } = reply
  let begun = false
  const write = (text: string) => {
    if (!begun) begin()
    if (!raw.destroyed) raw.write(text)
  }
  const begin = () => {
    begun = true
    reply.hijack()
    const headers = {
      ...reply.getHeaders(),
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
      'x-accel-buffering': 'no',
    }
    raw.writeHead(200, headers as Record<string, string>)
  }
  const heartbeat = setInterval(() => write(': ping\n\n'), PING_MS)
  return {
    get begun() {
      return begun
    },
    /** The client reads more slowly than we write: what is sent now waits in memory. */
    get full() {
      return raw.writableNeedDrain
    },
    /** One line of JSON, LF only: some clients see nothing in CRLF. */
    send: ({ id, event, data }: Omit<Frame, 'id'> & { id?: string }) =>
      write(`${id === undefined ? '' : `id: ${id}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`),
    /** Stops the heartbeat; ends the stream if it began. */
    end() {
      clearInterval(heartbeat)
      if (begun && !raw.destroyed) raw.end()
    },
  }
}
