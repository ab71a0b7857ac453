import type { FastifyInstance } from 'fastify'
import type { Stopping } from '../kernel/stopping.ts'
import type { Platform } from '../platform.ts'

/** `/healthz`: the process answers. `/readyz`: it can do its work; 503 while the database is away or the server stops. */
export async function healthPlugin(
  app: FastifyInstance,
  { platform, stopping }: { platform: Platform; stopping: Stopping },
): Promise<void> {
  app.get('/healthz', () => ({ status: 'ok', version: platform.version }))
  app.get('/readyz', async (_request, reply) => {
    const ready = !stopping.begun && (await platform.ready())
    return reply.code(ready ? 200 : 503).send({ status: ready ? 'ready' : 'unavailable', version: platform.version })
  })
}
