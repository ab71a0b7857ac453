import { Refusal } from '@stewrd/core/kernel/errors.ts'
import { StoreUnavailable } from '@stewrd/core/kernel/execute.ts'
import { runs, runStream } from '@stewrd/core/runs/runs.ts'
import type { RunAnswer, RunRequest } from '@stewrd/core/runs/wire.ts'
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { z } from 'zod'
import { errorFields } from '../kernel/log.ts'
import { setSecurityHeaders } from '../kernel/security-headers.ts'
import { answerBody, completedBody, doneData } from './answer-body.ts'
import { ContractError, errorBody } from './contract-error.ts'
import { Credentials } from './credentials.ts'
import type { RunsDeps } from './deps.ts'
import { parseRequest } from './parse-request.ts'
import type { Runner } from './run-agent.ts'
import { eventStream } from './sse.ts'
import type { StartedRun } from './start-run.ts'
import { startRun } from './start-run.ts'

const BODY_LIMIT = 10 * 1024 * 1024

export type V1Options = {
  deps: RunsDeps
  runner: Runner
  projectOfRun(runId: string): Promise<string | undefined>
  /** The size of the log's newest signed checkpoint. */
  checkpoint(): number | undefined
  publicUrl?: string | undefined
}

/** The public API: `POST /v1/agent` and `GET /v1/agent/:id`, as the wire contract says. */
export async function v1Plugin(
  app: FastifyInstance,
  { deps, runner, projectOfRun, checkpoint, publicUrl }: V1Options,
): Promise<void> {
  const credentials = new Credentials(deps)
  const docsBase = (request: FastifyRequest) => publicUrl ?? `${request.protocol}://${request.host}`
  app.setErrorHandler((error: FastifyError, request, reply) => answerError(error, request, reply, docsBase(request)))
  app.all('/v1/*', () => {
    throw new ContractError('context_expired', 'There is nothing at this path of the API.')
  })

  // How far the history was signed when this was answered: a later checkpoint that goes on from it covers the run.
  const signed = (reply: FastifyReply) => {
    const size = checkpoint()
    if (size !== undefined) reply.header('x-stewrd-checkpoint', String(size))
  }
  app.addHook('onSend', async (_request, reply) => signed(reply))

  // Before the body is read: who has no key costs nothing.
  const admitted = async ({ headers }: FastifyRequest) => {
    runner.admit()
    await credentials.of(headers.authorization)
  }

  app.post('/v1/agent', { bodyLimit: BODY_LIMIT, onRequest: admitted }, async (request, reply) => {
    const { authorization } = request.headers
    const asked = parseRequest(request.body)
    const started = await startRun(deps, credentials, authorization, asked)
    if (asked.stream) return await streamed(started, asked, request, reply)
    return completedBody(started, await runner.run(started, asked), deps.node)
  })

  app.get<{ Params: { id: string } }>('/v1/agent/:id', async (request): Promise<RunAnswer> => {
    const { projectId } = await credentials.of(request.headers.authorization, { reload: true })
    const { id } = request.params
    const gone = new ContractError('context_expired', 'There is no such run, or it belongs to another project.')
    if (!z.uuid().safeParse(id).success || (await projectOfRun(id)) !== projectId) throw gone
    const { state } = await deps.store.head(runs, { accountId: deps.accountId, projectId, stream: runStream(id) })
    if (state.status === 'none') throw gone
    const {
      capabilities,
      credits,
      model,
      provider,
      keySource,
      configRevision: revision,
      keyFingerprint: fingerprint,
      node,
    } = state.started
    const status = state.status === 'running' ? 'in_progress' : state.status
    const run = {
      runId: id,
      status,
      capabilities,
      credits,
      projectId,
      model,
      provider,
      keySource,
      revision,
      fingerprint: state.fallback ?? fingerprint,
      node,
    } as const
    const body = answerBody(run, {
      message: state.error ? '' : state.message,
      tokens: state.tokens,
      durationMs: state.durationMs,
    })
    return state.error ? { ...body, error: { code: state.error, message: state.message } } : body
  })

  async function streamed(started: StartedRun, asked: RunRequest, request: FastifyRequest, reply: FastifyReply) {
    signed(reply)
    setSecurityHeaders(reply, { https: publicUrl?.startsWith('https:') ?? false })
    const events = eventStream(reply)
    try {
      const finished = await runner.run(started, asked, (text) => events.send('token', { text, content: text }))
      events.send('done', doneData(completedBody(started, finished, deps.node), request.id))
      return reply
    } catch (error) {
      if (!events.begun) throw error
      const { code, message } = contractErrorOf(error)
      events.send('error', { code, message })
      return reply
    } finally {
      events.end()
    }
  }
}

async function answerError(
  error: FastifyError | ContractError,
  request: FastifyRequest,
  reply: FastifyReply,
  docsBase: string,
): Promise<void> {
  const known = contractErrorOf(error)
  if (known.code === 'compute_error' && !(error instanceof ContractError))
    request.log.error({ err: errorFields(error) }, 'failed')
  if (known.retryAfter !== null) reply.header('retry-after', String(known.retryAfter))
  await reply.code(known.status).send(errorBody(known, docsBase))
}

function contractErrorOf(error: unknown): ContractError {
  if (error instanceof ContractError) return error
  if (error instanceof StoreUnavailable)
    return new ContractError('service_unavailable', 'The database is not available. Try again in a moment.', {
      retryAfter: 2,
      cause: error,
    })
  if (error instanceof Refusal && error.code === 'PROJECT_SHREDDED')
    return new ContractError('invalid_api_key', 'The project of this API key was shredded.', { cause: error })
  if (error instanceof Refusal && error.code === 'EVENT_UNKNOWN')
    return new ContractError('service_unavailable', error.message, { retryAfter: 30, cause: error })
  const status = error instanceof Error && 'statusCode' in error ? error.statusCode : undefined
  if (status === 413)
    return new ContractError('payload_too_large', `The body is larger than ${BODY_LIMIT / 1024 / 1024} MB.`)
  if (status === 415) return new ContractError('invalid_body', 'The content type must be application/json.')
  if (status === 400) return new ContractError('invalid_body', 'The body cannot be read as JSON.')
  return new ContractError('compute_error', 'Something went wrong on the server.', { cause: error })
}
