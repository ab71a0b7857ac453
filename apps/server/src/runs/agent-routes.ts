import { Refusal } from '@stewrd/core/kernel/errors.ts'
import { runs, runStream } from '@stewrd/core/runs/runs.ts'
import type { RunRequest } from '@stewrd/core/runs/wire.ts'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import type { ReadRun } from './answer-body.ts'
import { notThere } from './answers.ts'
import { appendByApiKey } from './by-api-key.ts'
import type { V1 } from './v1.ts'
import { limitHeaders } from '../limits/headers.ts'
import { idempotentRun } from './idempotency.ts'
import { parseRequest } from './parse-request.ts'
import { isTaken, startRun } from './start-run.ts'
import { parseOutputs, submitOutputs } from './tool-outputs.ts'

type WithId = { Params: { id: string } }

/** `/v1/agent`: start a run, look at it, read along, go on with it, stop it. */
export function agentRoutes(app: FastifyInstance, v1: V1): void {
  const { deps, credentials, runner, answers } = v1
  const route = { bodyLimit: v1.bodyLimit, onRequest: v1.admitted }

  /** The run of this project under the id in the path; 404 for any other. */
  async function asked({ params: { id }, headers }: FastifyRequest<WithId>): Promise<ReadRun> {
    const { projectId } = await credentials.of(headers.authorization, { reload: true })
    if (!z.uuid().safeParse(id).success || (await deps.streamOwner(runStream(id))) !== projectId) throw notThere()
    const run = await answers.read({ runId: id, projectId })
    if (!run) throw notThere()
    return run
  }

  app.post('/v1/agent', route, async (request, reply) => {
    const parsed = parseRequest(request.body)
    const watched = parsed.stream === true && !parsed.tools?.length
    const run = await begun(request, reply, { parsed, watched })
    reply.header('x-stewrd-run', run.runId)
    if (watched) return await v1.streamed(run, request, reply)
    return await v1.whole(run, request, reply)
  })

  /** Starts a run, or finds the one that its idempotency key stands for. */
  async function begun(
    request: FastifyRequest,
    reply: FastifyReply,
    { parsed, watched }: { parsed: RunRequest; watched: boolean },
  ): Promise<{ runId: string; projectId: string }> {
    const { authorization, 'idempotency-key': key } = request.headers
    const base = { request: parsed, object: 'agent.response', sessionId: null } as const
    const start = async (idempotent?: { runId: string; digest: string }) => {
      return await runner.starting(async () => {
        const started = await startRun(deps, credentials, authorization, { ...base, ...(idempotent && { idempotent }) })
        limitHeaders(reply, started.minute)
        return runner.begin(started, { watched })
      })
    }
    if (typeof key !== 'string') return await start()
    const { projectId } = await credentials.of(authorization)
    const idempotent = await idempotentRun(deps, projectId, key, parsed)
    if (idempotent.taken) return { runId: idempotent.runId, projectId }
    try {
      return await start(idempotent)
    } catch (error) {
      if (!isTaken(error)) throw error
      // Another request with the same key was faster.
      const { runId } = await idempotentRun(deps, projectId, key, parsed)
      return { runId, projectId }
    }
  }

  app.get<WithId>('/v1/agent/:id', async (request) => answers.body(await asked(request), v1.baseUrl(request)))

  app.get<WithId>('/v1/agent/:id/stream', async (request, reply) => v1.streamed(await asked(request), request, reply))

  app.post<WithId>('/v1/agent/:id/tool-outputs', route, async (request, reply) => {
    const run = await asked(request)
    const outputs = parseOutputs(request.body)
    const live = await runner.starting(() => submitOutputs(v1, request.headers.authorization, run, outputs))
    return await v1.whole(live, request, reply)
  })

  app.delete<WithId>('/v1/agent/:id', { onRequest: v1.known }, async (request) => {
    const { runId, projectId } = await asked(request)
    const id = { runId, projectId }
    const stream = { accountId: deps.accountId, projectId, stream: runStream(runId) }
    const recorded = await deps.store.read(stream)
    const durationMs = Math.max(0, deps.now() - (recorded[0]?.at ?? deps.now()))
    try {
      await appendByApiKey(credentials, request.headers.authorization, (author) => {
        const meta = { commandId: `cancel:${runId}`, ...author }
        return deps.store.execute(runs, stream, { type: 'CancelRun', durationMs }, meta)
      })
    } catch (error) {
      // It had ended: then this is how.
      const ended = error instanceof Refusal && ['RUN_ENDED', 'COMMAND_REUSED'].includes(error.code)
      if (!ended) throw error
    }
    runner.live(runId)?.stop('cancelled')
    return answers.body((await answers.read(id))!, v1.baseUrl(request))
  })
}

/** For a client that would rather be told that a run is under way than wait: 202 and where to look. */
export function accepted(reply: FastifyReply, runId: string): void {
  reply.code(202).header('location', `/v1/agent/${runId}`).header('preference-applied', 'respond-async')
}
