import type { FastifyInstance } from 'fastify'
import type { Credentials } from '../runs/credentials.ts'
import type { ProjectUsage } from './usage.ts'
import { usageBody } from './usage.ts'

type Deps = { credentials: Pick<Credentials, 'of'>; usage(projectId: string): Promise<ProjectUsage> }

/** `GET /v1/usage`. Looks the key up each time: one that was revoked is refused at once. */
export function usageRoute(app: FastifyInstance, { credentials, usage }: Deps): void {
  app.get('/v1/usage', async ({ headers }) => {
    const { projectId } = await credentials.of(headers.authorization, { reload: true })
    return usageBody(projectId, await usage(projectId))
  })
}
