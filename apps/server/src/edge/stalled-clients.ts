import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Socket } from 'node:net'
import type { EdgeLimits } from './limits.ts'

type Limits = Pick<EdgeLimits, 'stallMs' | 'stallBytes'>
/** Since when this server has waited for a client to send or to read, and the bytes that had moved by then. */
type Wait = { since: number; moved: number }
type Exchange = {
  request: IncomingMessage
  response: ServerResponse
  sends: Wait | undefined
  reads: Wait | undefined
  onCut: () => void
}

/**
 * Ends exchanges whose client stalls: it sends its body, or reads its answer, more slowly than `stallBytes` in `stallMs`. A long upload
 * or stream that makes progress is left alone, as is one that waits for this server.
 */
export class StalledClients {
  readonly #limits: Limits
  readonly #tellTimeout: (socket: Socket) => void
  readonly #exchanges = new Set<Exchange>()
  readonly #timer: NodeJS.Timeout
  readonly #everyMs: number
  #lookedAt = performance.now()

  /** `tellTimeout` answers a client that has no answer yet, and closes its connection. */
  constructor(limits: Limits, tellTimeout: (socket: Socket) => void) {
    this.#limits = limits
    this.#tellTimeout = tellTimeout
    this.#everyMs = limits.stallMs / 6
    this.#timer = setInterval(() => this.#look(performance.now()), this.#everyMs).unref()
  }

  /** `onCut` is called when the exchange is ended here. */
  watch(request: IncomingMessage, response: ServerResponse, onCut: () => void): void {
    const sends = { since: performance.now(), moved: request.socket.bytesRead }
    const exchange: Exchange = { request, response, sends, reads: undefined, onCut }
    this.#exchanges.add(exchange)
    response.once('close', () => this.#exchanges.delete(exchange))
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  #look(now: number): void {
    // While this process stood still, no client could make progress.
    const stoodStill = Math.max(0, now - this.#lookedAt - this.#everyMs)
    this.#lookedAt = now
    for (const exchange of this.#exchanges) {
      for (const wait of [exchange.sends, exchange.reads]) if (wait) wait.since += stoodStill
      const { request, response } = exchange
      const { socket } = request
      const unsent = !request.complete && request.readableLength === 0
      const unread = queuedOn(socket) > 0
      exchange.sends = unsent ? this.#waited(exchange.sends, socket.bytesRead, now) : undefined
      exchange.reads = unread ? this.#waited(exchange.reads, takenFrom(socket), now) : undefined
      const stalled = [exchange.sends, exchange.reads].some((wait) => wait && now - wait.since >= this.#limits.stallMs)
      if (!stalled) continue
      exchange.onCut()
      // A plain close would leave what the client does not take in the system's memory.
      if (response.headersSent) socket.resetAndDestroy()
      else this.#tellTimeout(socket)
    }
  }

  /** The wait begins anew whenever enough has moved. */
  #waited(wait: Wait | undefined, moved: number, now: number): Wait {
    return wait && moved - wait.moved < this.#limits.stallBytes ? wait : { since: now, moved }
  }
}

type Handle = { writeQueueSize?: number; bytesWritten?: number } | null | undefined
/** The socket's own counts include what has only been queued. Node's idle timeout reads the same fields. */
const handleOf = (socket: Socket) => (socket as Socket & { _handle?: Handle })._handle
const queuedOn = (socket: Socket): number => handleOf(socket)?.writeQueueSize ?? 0
/** Bytes that the client has taken. */
const takenFrom = (socket: Socket): number => (handleOf(socket)?.bytesWritten ?? 0) - queuedOn(socket)
