import { getHTTPStatusCodeFromError } from '@trpc/server/http'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { Readable } from 'node:stream'
import { z } from 'zod'
import { until } from '../auth/revocation-watch.ts'
import { headersOf } from '../auth/plugin.ts'
import { errorFields } from '../kernel/log.ts'
import type { Platform } from '../platform.ts'
import { toTrpcError } from '../trpc/refusal.ts'
import { exportProject } from './export.ts'

const Params = z.object({ projectId: z.uuid('must be the id of a project.') })
const Place = z.coerce.number().int().min(0).max(Number.MAX_SAFE_INTEGER)
const Query = z.strictObject({
  disclose: z.enum(['nothing', 'configuration', 'everything']).default('nothing'),
  from: Place.optional(),
  to: Place.optional(),
})

/** How long a download waits until the newest events are signed. */
const WAIT_MS = 3_000

/** The proof bundle of a project, sent as it is read: it can be larger than what an answer of tRPC should hold. For who is signed in. */
export async function proofPlugin(app: FastifyInstance, { platform }: { platform: Platform }): Promise<void> {
  async function* untilSessionEnds(text: AsyncIterable<string>, sessionId: string) {
    const watched = platform.revocations.sessions.watch(sessionId)
    try {
      yield* until(text, watched.ended, () => new Error('the session ended'))
    } finally {
      watched.close()
    }
  }

  app.get('/api/proof/:projectId', async (request, reply) => {
    reply.header('cache-control', 'no-store')
    try {
      const session = await platform.auth.session(headersOf(request))
      if (!session) return await refuse(reply, 401, 'Sign in first.')
      const { projectId } = Params.parse(request.params)
      const query = Query.parse(request.query)
      const { text } = await exportProject(platform, { projectId, ...query, waitMs: WAIT_MS })
      return await reply
        .headers({
          'content-type': 'application/octet-stream',
          'content-disposition': `attachment; filename="${projectId}.proof"`,
        })
        .send(
          Readable.from(untilSessionEnds(text, session.id), { objectMode: false }).on('error', (error) =>
            cutOff(request, error),
          ),
        )
    } catch (error) {
      const mapped = toTrpcError(error)
      return refuse(reply, getHTTPStatusCodeFromError(mapped), mapped.message)
    }
  })
}

/** The end with the seal is missing then: nobody can take the file for a whole one. */
const cutOff = (request: FastifyRequest, error: unknown) =>
  request.log.error({ err: errorFields(error) }, 'an export was cut off')

const refuse = (reply: FastifyReply, status: number, message: string) =>
  reply.code(status).send({ error: { message, requestId: reply.request.id } })
