import { randomUUID } from 'node:crypto'
import type { FastifyTRPCPluginOptions } from '@trpc/server/adapters/fastify'
import { fastifyTRPCPlugin } from '@trpc/server/adapters/fastify'
import type { FastifyBaseLogger, FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import Fastify, { LogController } from 'fastify'
import type { Logger } from 'pino'
import type { AppRouter } from './app-router.ts'
import { appRouter } from './app-router.ts'
import { authPlugin, headersOf } from './auth/plugin.ts'
import { docsPlugin } from './docs/plugin.ts'
import { builtDashboard, dashboardPlugin } from './kernel/dashboard.ts'
import { errorFields, pathOf } from './kernel/log.ts'
import { originGuard } from './kernel/same-origin.ts'
import { setSecurityHeaders } from './kernel/security-headers.ts'
import { unreadable } from './kernel/unreadable.ts'
import { logPlugin } from './log/plugin.ts'
import type { Platform } from './platform.ts'
import { proofPlugin } from './proof/plugin.ts'
import { runsPlugin } from './runs/plugin.ts'
import { healthPlugin } from './system/health-plugin.ts'
import type { RequestContext } from './trpc/context.ts'

export type AppOptions = {
  platform: Platform
  log: Logger
  publicUrl?: string | undefined
  /** Folder of the built dashboard. */
  dashboard?: string
}

const BODY_LIMIT = 1024 * 1024

/** Everything on one port: dashboard, tRPC, sign-in, `/v1`, health. Not listening yet. */
export async function createApp({ platform, log, publicUrl, dashboard = builtDashboard }: AppOptions) {
  const loggerInstance: FastifyBaseLogger = log
  const https = publicUrl?.startsWith('https:') ?? false
  const app: FastifyInstance = Fastify({
    loggerInstance,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: BODY_LIMIT,
    genReqId: () => randomUUID(),
    routerOptions: { maxParamLength: 5000 },
    forceCloseConnections: 'idle',
    // While runs finish, whoever comes is told in the words of the route, with the connection closed after it.
    return503OnClosing: false,
    ...unreadable({ publicUrl, https }),
  })
  app.addHook('onRequest', (request, reply, done) => {
    reply.header('x-request-id', request.id)
    done()
  })
  app.addHook('onSend', (_request, reply, _payload, done) => {
    setSecurityHeaders(reply, { https })
    done()
  })
  app.addHook('onResponse', (request, reply, done) => {
    logRequest(request, reply)
    done()
  })
  app.setErrorHandler(answerError)
  const refuseOtherOrigins = originGuard(publicUrl)
  await app.register(healthPlugin, { platform })
  await app.register(authPlugin, { auth: platform.auth, refuseOtherOrigins })
  await app.register(async (scope) => {
    scope.addHook('onRequest', refuseOtherOrigins)
    cutTailsAtTheEnd(scope)
    await scope.register(fastifyTRPCPlugin, trpcOptions(platform))
  })
  await app.register(docsPlugin, { publicUrl })
  await app.register(logPlugin, { platform })
  await app.register(proofPlugin, { platform })
  await app.register(runsPlugin, { platform, log, publicUrl })
  await app.register(dashboardPlugin, { root: dashboard })
  return app
}

/** Live tails have no end of their own: a stop would wait for them. Cut, a page connects again and goes on where it was. */
function cutTailsAtTheEnd(app: FastifyInstance): void {
  const tails = new Set<FastifyReply['raw']>()
  app.addHook('onRequest', async ({ headers }, { raw }) => {
    if (!headers.accept?.includes('text/event-stream')) return
    tails.add(raw)
    raw.once('close', () => tails.delete(raw))
  })
  app.addHook('preClose', async () => {
    for (const tail of tails) tail.destroy()
  })
}

const trpcOptions = (platform: Platform): FastifyTRPCPluginOptions<AppRouter> => ({
  prefix: '/trpc',
  trpcOptions: {
    router: appRouter,
    createContext: ({ req }): RequestContext => {
      let person: ReturnType<RequestContext['session']> | undefined
      return {
        platform,
        requestId: req.id,
        session: () => (person ??= platform.auth.person(headersOf(req))),
      }
    },
    onError({ error, path, req }) {
      if (error.code === 'INTERNAL_SERVER_ERROR')
        req.log.error({ err: error.cause ?? error, procedure: path }, 'failed')
      if (error.code === 'SERVICE_UNAVAILABLE') req.log.warn({ err: error.cause, procedure: path }, 'unavailable')
    },
  },
})

function logRequest(request: FastifyRequest, reply: FastifyReply) {
  request.log.info(
    {
      method: request.method,
      path: pathOf(request.url),
      status: reply.statusCode,
      ms: Math.round(reply.elapsedTime * 10) / 10,
    },
    'request',
  )
}

/** What Fastify itself refuses (a body too large, or no JSON) in our words; anything else is a bug, said without its text. */
async function answerError(error: FastifyError, request: FastifyRequest, reply: FastifyReply): Promise<void> {
  const status = error.statusCode && error.statusCode >= 400 && error.statusCode < 500 ? error.statusCode : 500
  if (status === 500) request.log.error({ err: errorFields(error) }, 'failed')
  const message =
    status === 500 ? 'Something went wrong on the server.' : (refused[status] ?? 'The request is not valid.')
  await reply.code(status).send({ error: { message, requestId: request.id } })
}

const refused: Record<number, string> = {
  400: 'The body cannot be read as JSON.',
  413: `The body is larger than ${BODY_LIMIT / 1024 / 1024} MB.`,
  415: 'The body has a content type that is not known here. Send application/json.',
}
