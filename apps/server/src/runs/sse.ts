import type { FastifyReply } from 'fastify'
import type { Frame } from './feed.ts'

const PING_MS = 15_000

type SseOptions = {
  /** Called once, before the first byte is written. */
  onBegin?(): void
}

/** A stream of server-sent events that begins with the first of them, so that an error before it can still be plain JSON. It is never silent for longer than 15 s. */
export function sseStream(reply: FastifyReply, { onBegin }: SseOptions = {}) {
  const { raw } = reply
  let begun = false
  /** False when the client reads more slowly than we write. */
  const write = (text: string): boolean => {
    if (!begun) begin()
    return raw.destroyed || raw.write(text)
  }
  const begin = () => {
    begun = true
    onBegin?.()
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
    write,
    /** Stops the heartbeat; ends the stream if it began. */
    end() {
      clearInterval(heartbeat)
      if (begun && !raw.destroyed) raw.end()
    },
  }
}
export type SseStream = ReturnType<typeof sseStream>

/** The same for named events with ids. */
export function eventStream(reply: FastifyReply) {
  const stream = sseStream(reply)
  return {
    get begun() {
      return stream.begun
    },
    get full() {
      return stream.full
    },
    /** One line of JSON, LF only: some clients see nothing in CRLF. */
    send: ({ id, event, data }: Omit<Frame, 'id'> & { id?: string }) =>
      void stream.write(`${id === undefined ? '' : `id: ${id}\n`}event: ${event}\ndata: ${JSON.stringify(data)}\n\n`),
    end: () => stream.end(),
  }
}
