import type { FastifyInstance } from 'fastify'
import type { Platform } from '../platform.ts'

/** `/healthz`: the process answers. `/readyz`: it can do its work; 503 while the database is away or the server stops. */
export async function healthPlugin(app: FastifyInstance, { platform }: { platform: Platform }): Promise<void> {
  let closing = false
  app.addHook('preClose', async () => {
    closing = true
  })
  app.get('/healthz', () => ({ status: 'ok', version: platform.version }))
  app.get('/readyz', async (_request, reply) => {
    const ready = !closing && (await platform.ready())
    return reply.code(ready ? 200 : 503).send({ status: ready ? 'ready' : 'unavailable', version: platform.version })
  })
}
