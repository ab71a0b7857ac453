import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Stopping } from '../kernel/stopping.ts'

/** After the time to finish: what was told that the server stops can read that. */
const LAST_WORDS_MS = 3_000
const LOOK_MS = 200

/**
 * Closes connections when the server stops. Every answer from the notice on closes its connection, so that clients open the next one
 * elsewhere. Requests under way have `drainMs` from the drain on; the port is open until it ends, to tell others so.
 */
export function closeConnections(app: FastifyInstance, stopping: Stopping, drainMs: number): void {
  const timers: NodeJS.Timeout[] = []
  const cut = () => timers.push(setTimeout(() => app.server.closeAllConnections(), LAST_WORDS_MS))
  for (const hook of ['onRequest', 'onSend'] as const)
    app.addHook(hook, async (_request: FastifyRequest, reply: FastifyReply) => {
      if (stopping.begun) reply.header('connection', 'close')
    })
  app.addHook('preClose', async () => {
    stopping.begin()
    timers.push(setTimeout(cut, drainMs))
    stopping.hurried.addEventListener('abort', cut, { once: true })
    // A stream that began before the stop leaves its connection idle at its end.
    timers.push(setInterval(() => !app.server.listening && app.server.closeIdleConnections(), LOOK_MS))
  })
  app.addHook('onClose', async () => {
    for (const timer of timers) clearTimeout(timer)
  })
}
