import type { RunAnswer } from '@stewrd/core/runs/wire.ts'
import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { setSecurityHeaders } from '../kernel/security-headers.ts'
import { limitHeaders } from '../limits/headers.ts'
import type { ProjectUsage } from '../limits/usage.ts'
import { usageRoute } from '../limits/usage-route.ts'
import { accepted, agentRoutes } from './agent-routes.ts'
import { Answers } from './answers.ts'
import { BODY_LIMIT, seenError } from './contract-error-of.ts'
import { ContractError, errorBody } from './contract-error.ts'
import type { Credentials } from './credentials.ts'
import type { RunsDeps } from './deps.ts'
import { acceptJson } from './json-body.ts'
import { asyncAfter } from './prefer.ts'
import { modelsRoute } from '../chat-completions/models.ts'
import { chatCompletionRoutes } from '../chat-completions/routes.ts'
import { openApiDocument } from '../openapi/document.ts'
import { operations } from '../openapi/operations.ts'
import { fileRoutes } from '../files/routes.ts'
import { sessionRoutes } from '../sessions/routes.ts'
import { SessionService } from '../sessions/service.ts'
import type { Runner } from './runner.ts'

export type V1Options = {
  deps: RunsDeps
  credentials: Credentials
  runner: Runner
  /** The size of the log's newest signed checkpoint. */
  checkpoint(): number | undefined
  usage(projectId: string): Promise<ProjectUsage>
  publicUrl?: string | undefined
  /** Active sessions that a project may have. */
  sessionLimit: number
  /** Bytes of the body of a chat completion. */
  completionLimit: number
}
const routes = operations.map(({ method, path }) => `${method.toUpperCase()} ${path}`).join(', ')

type Named = { runId: string; projectId: string }

/** What the routes of `/v1` share. */
export type V1 = {
  deps: RunsDeps
  credentials: Credentials
  runner: Runner
  answers: Answers
  /** Bytes of a body: of a run, and of a chat completion, which may hold images. */
  bodyLimit: number
  completionLimit: number
  https: boolean
  /** The address that this server is known under. */
  baseUrl(request: FastifyRequest): string
  /** Before the body is read: a request without a key costs nothing. */
  known(request: FastifyRequest): Promise<void>
  /** The same for what starts a run, which is refused when this server has too many, or stops. */
  admitted(request: FastifyRequest): Promise<void>
  whole(run: Named, request: FastifyRequest, reply: FastifyReply): Promise<RunAnswer>
  streamed(run: Named, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply>
}

/** The public API, as the wire contract says. */
export async function v1Plugin(app: FastifyInstance, options: V1Options): Promise<void> {
  const { deps, credentials, runner, checkpoint, publicUrl, sessionLimit, completionLimit } = options
  const baseUrl = (request: FastifyRequest) => publicUrl ?? `${request.protocol}://${request.host}`
  app.setErrorHandler((error: FastifyError, request, reply) => answerError(error, request, reply, baseUrl(request)))
  acceptJson(app)
  const nothing = async () => {
    throw new ContractError('not_found', `There is no such route. The API has: ${routes}.`)
  }
  for (const path of ['/v1', '/v1/*']) app.all(path, { onRequest: nothing }, nothing)

  // How far the history was signed when this was answered: a later checkpoint that goes on from it covers the run.
  const signed = (reply: FastifyReply) => {
    const size = checkpoint()
    if (size !== undefined) reply.header('x-stewrd-checkpoint', String(size))
  }
  app.addHook('onSend', (_request, reply, _payload, done) => {
    signed(reply)
    done()
  })

  const https = publicUrl?.startsWith('https:') ?? false
  const answers = new Answers(deps, runner)
  const v1: V1 = {
    deps,
    credentials,
    runner,
    answers,
    bodyLimit: BODY_LIMIT,
    completionLimit,
    https,
    baseUrl,
    async known({ headers }) {
      await credentials.of(headers.authorization)
    },
    async admitted({ headers }) {
      runner.admit()
      await credentials.of(headers.authorization)
    },
    async whole(run, request, reply) {
      const answer = await answers.whole(run, {
        wait: asyncAfter(request.headers.prefer, deps.limits.sync),
        base: baseUrl(request),
      })
      if (answer.status === 'in_progress') accepted(reply, run.runId)
      return answer
    },
    streamed(run, request, reply) {
      signed(reply)
      setSecurityHeaders(reply, { https })
      const key = credentials.watch(request.headers.authorization)
      reply.raw.once('close', key.close)
      return answers.streamed(run, request, reply, { base: baseUrl(request), revoked: key.ended })
    },
  }
  app.get('/v1/openapi.json', (request) => openApiDocument(baseUrl(request)))
  agentRoutes(app, v1)
  usageRoute(app, { credentials, usage: options.usage })
  chatCompletionRoutes(app, v1)
  modelsRoute(app, v1)
  await fileRoutes(app, v1)
  sessionRoutes(app, v1, new SessionService(deps, sessionLimit))
}

async function answerError(
  error: FastifyError | ContractError,
  request: FastifyRequest,
  reply: FastifyReply,
  docsBase: string,
): Promise<void> {
  const known = seenError(error, request)
  if (known.retryAfter !== null) reply.header('retry-after', String(known.retryAfter))
  limitHeaders(reply, known.minute)
  await reply.code(known.status).send(errorBody(known, docsBase))
}
