import type { FastifyInstance } from 'fastify'
import type { Stopping } from '../kernel/stopping.ts'
import type { Platform } from '../platform.ts'
import { clockMessage } from './clock-message.ts'

type Hindrance = { reason: string; message: string; clock_ahead_ms?: number }

const hindrances = {
  stopping: { reason: 'stopping', message: 'The server is being stopped.' },
  database: { reason: 'database', message: 'The database does not answer.' },
}

async function hindranceOf({ ready, clock }: Platform): Promise<Hindrance | undefined> {
  if (!(await ready())) return hindrances.database
  const standing = clock.standing()
  if (standing.trusted) return undefined
  return { reason: 'clock', message: clockMessage(standing), clock_ahead_ms: standing.aheadMs }
}

/** `/healthz`: the process answers. `/readyz`: it can do its work; 503 while the database is away, clocks differ or the server stops. */
export async function healthPlugin(
  app: FastifyInstance,
  { platform, stopping }: { platform: Platform; stopping: Stopping },
): Promise<void> {
  app.get('/healthz', () => ({ status: 'ok', version: platform.version }))
  app.get('/readyz', async (_request, reply) => {
    const { version } = platform
    const hindrance = stopping.begun ? hindrances.stopping : await hindranceOf(platform)
    if (!hindrance) return reply.send({ status: 'ready', version })
    return reply.code(503).send({ status: 'unavailable', ...hindrance, version })
  })
}
