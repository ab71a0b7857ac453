import type { RunRequest } from '@stewrd/core/runs/wire.ts'
import { hasExpired, SESSION_MS, sessionStream } from '@stewrd/core/sessions/sessions.ts'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import { errorFields } from '../kernel/log.ts'
import { newId } from '@stewrd/db/new-id.ts'
import { limitHeaders } from '../limits/headers.ts'
import type { LiveRun } from '../runs/live-run.ts'
import { parseRequest } from '../runs/parse-request.ts'
import { startRun } from '../runs/start-run.ts'
import type { V1 } from '../runs/v1.ts'
import type { SessionService } from './service.ts'
import { expired, notThere } from './service.ts'

type WithId = { Params: { id: string } }

/** `/v1/sessions`: conversations, whose messages are runs. */
export function sessionRoutes(app: FastifyInstance, v1: V1, service: SessionService): void {
  const { deps, credentials, runner } = v1
  const route = { bodyLimit: v1.bodyLimit, onRequest: v1.admitted }

  /** The session in the path, if it is of the project whose key is sent. */
  async function asked({ params: { id }, headers }: FastifyRequest<WithId>, { reload = true } = {}) {
    const { projectId } = await credentials.of(headers.authorization, { reload })
    if (!z.uuid().safeParse(id).success || (await deps.streamOwner(sessionStream(id))) !== projectId) throw notThere()
    return { sessionId: id, projectId }
  }

  const callerOf = ({ headers: { authorization } }: FastifyRequest<WithId>) => ({ credentials, authorization })

  app.post('/v1/sessions', { onRequest: v1.known }, async (request, reply) => {
    const { sessionId, at } = await service.open(credentials, request.headers.authorization)
    reply.code(201).header('location', `/v1/sessions/${sessionId}`)
    return { id: sessionId, object: 'session', status: 'active', ...timesOf(at, at) }
  })

  app.get<WithId>('/v1/sessions/:id', async (request) => {
    const id = await asked(request)
    const state = await service.find(id)
    const status = hasExpired(state, deps.now()) ? 'expired' : 'active'
    return { id: id.sessionId, object: 'session', status, message_count: state.messages, ...timesOf(state.activeAt) }
  })

  app.get<WithId>('/v1/sessions/:id/messages', async (request) => {
    const messages = await service.messages(await asked(request))
    const data = messages.map(({ runId, message, answer, at }) => ({
      id: runId,
      object: 'session.message',
      message,
      answer,
      created_at: iso(at),
    }))
    return { object: 'list', data }
  })

  app.delete<WithId>('/v1/sessions/:id', { onRequest: v1.known }, async (request) => {
    const id = await asked(request)
    await service.delete(id, callerOf(request))
    return { id: id.sessionId, object: 'session', deleted: true }
  })

  app.post<WithId>('/v1/sessions/:id/messages', route, async (request, reply) => {
    const parsed = parseRequest(request.body)
    const watched = parsed.stream === true && !parsed.tools?.length
    // Before anything is waited for: messages are answered in the order in which they came.
    const line = service.enter(request.params.id)
    const run = await runner.starting(() => begun(request, reply, parsed, line.turn)).finally(line.leave)
    reply.header('x-stewrd-run', run.runId)
    return watched ? await v1.streamed(run, request, reply) : await v1.whole(run, request, reply)
  })

  async function begun(
    request: FastifyRequest<WithId>,
    reply: FastifyReply,
    parsed: RunRequest,
    turn: Promise<void>,
  ): Promise<LiveRun> {
    // What takes the session makes sure of the key.
    const id = await asked(request, { reload: false })
    if (hasExpired(await service.find(id), deps.now())) throw expired()
    await turn
    runner.refuseWhenDraining()
    const runId = newId(deps.now())
    await service.take(id, runId, callerOf(request), () => runner.refuseWhenDraining())
    const watched = parsed.stream === true && !parsed.tools?.length
    try {
      const base = { request: parsed, object: 'session.message', sessionId: id.sessionId, runId } as const
      const history = await deps.historyOf(id.projectId, id.sessionId, runId)
      const started = await startRun(deps, credentials, request.headers.authorization, base)
      limitHeaders(reply, started.minute)
      const live = runner.begin(started, { watched, history })
      settleAfter(id, live)
      return live
    } catch (error) {
      await service.end(id, { runId, message: parsed.message, answer: null, files: [] })
      throw error
    }
  }

  /** The next message need not find out by itself that this one has ended. */
  function settleAfter(id: { sessionId: string; projectId: string }, live: LiveRun): void {
    void live.ended.promise
      .then(() => service.settle(id, live.runId))
      .catch((error: unknown) =>
        deps.log.warn({ run: live.runId, err: errorFields(error) }, 'the end of a message could not be recorded'),
      )
  }
}

const iso = (at: number) => new Date(at).toISOString()
const timesOf = (activeAt: number, createdAt?: number) => ({
  ...(createdAt !== undefined && { created_at: iso(createdAt) }),
  last_active_at: iso(activeAt),
  expires_at: iso(activeAt + SESSION_MS),
})
