import { randomUUID } from 'node:crypto'
import { compile } from '@fastify/proxy-addr'
import type {
  FastifyBaseLogger,
  FastifyError,
  FastifyInstance,
  FastifyReply,
  FastifyRequest,
  RouteOptions,
} from 'fastify'
import Fastify, { LogController } from 'fastify'
import type { Logger } from 'pino'
import { authPlugin } from './auth/plugin.ts'
import { docsPlugin } from './docs/plugin.ts'
import { closeConnections } from './edge/closing.ts'
import { boundConnections } from './edge/connections.ts'
import { hostGuard } from './edge/hosts.ts'
import type { EdgeLimits } from './edge/limits.ts'
import { BODY_LIMIT, edgeLimits } from './edge/limits.ts'
import { StalledClients } from './edge/stalled-clients.ts'
import { endUnreadBody } from './edge/unread-body.ts'
import type { EdgeSettings } from './edge/variables.ts'
import { builtDashboard, dashboardPlugin } from './kernel/dashboard.ts'
import { errorFields, pathOf } from './kernel/log.ts'
import { originGuard } from './kernel/same-origin.ts'
import { setSecurityHeaders } from './kernel/security-headers.ts'
import { Stopping } from './kernel/stopping.ts'
import { timedOut, unreadable } from './kernel/unreadable.ts'
import { logPlugin } from './log/plugin.ts'
import type { Platform } from './platform.ts'
import { proofPlugin } from './proof/plugin.ts'
import { runsPlugin } from './runs/plugin.ts'
import { healthPlugin } from './system/health-plugin.ts'
import { trpcPlugin } from './trpc/plugin.ts'

export type AppOptions = {
  platform: Platform
  log: Logger
  publicUrl?: string | undefined
  /** Folder of the built dashboard. */
  dashboard?: string
  edge?: Partial<EdgeSettings> & { limits?: Partial<EdgeLimits> }
  stopping?: Stopping
  /** Hears of every route as it is made. */
  onRoute?: (route: RouteOptions) => void
}

/** Of an app that is not told how long. */
const DRAIN_MS = 7_000

/** Everything on one port: dashboard, tRPC, sign-in, `/v1`, health. Not listening yet. */
export async function createApp(options: AppOptions) {
  const { platform, log, publicUrl, dashboard = builtDashboard, edge = {} } = options
  const loggerInstance: FastifyBaseLogger = log
  const https = publicUrl?.startsWith('https:') ?? false
  const { trustedProxies = [], allowedHosts = [], drainMs = DRAIN_MS } = edge
  const stopping = options.stopping ?? new Stopping()
  const limits = { ...edgeLimits, ...settingsOf(edge), ...edge.limits }
  const unread = unreadable({ publicUrl, https })
  const trusted = compile([...trustedProxies])
  const app: FastifyInstance = Fastify({
    loggerInstance,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: BODY_LIMIT,
    genReqId: () => randomUUID(),
    routerOptions: { maxParamLength: 5000 },
    trustProxy: trusted,
    http: { headersTimeout: limits.headersMs, connectionsCheckingInterval: limits.headersMs / 4 },
    forceCloseConnections: 'idle',
    // While runs finish, whoever comes is told in the words of the route, with the connection closed after it.
    return503OnClosing: false,
    ...unread,
  })
  if (options.onRoute) app.addHook('onRoute', options.onRoute)
  boundConnections(app.server, limits, (address) => trusted(address, 0))
  const stalled = new StalledClients(limits, (socket) => unread.clientErrorHandler(timedOut(), socket))
  app.addHook('onClose', async () => stalled.stop())
  app.addHook('onRequest', (request, reply, done) => {
    stalled.watch(request.raw, reply.raw, () =>
      request.log.warn({ path: pathOf(request.url), client: request.ip }, 'a client stalled and was cut off'),
    )
    reply.header('x-request-id', request.id)
    done()
  })
  closeConnections(app, stopping, drainMs)
  app.addHook('onRequest', hostGuard({ publicUrl, allowedHosts }))
  app.addHook('onSend', (_request, reply, _payload, done) => {
    setSecurityHeaders(reply, { https })
    done()
  })
  app.addHook('onSend', endUnreadBody)
  app.addHook('onResponse', (request, reply, done) => {
    logRequest(request, reply)
    done()
  })
  app.setErrorHandler(answerError)
  const refuseOtherOrigins = originGuard(publicUrl)
  await app.register(healthPlugin, { platform, stopping })
  await app.register(authPlugin, { auth: platform.auth, revocations: platform.revocations, refuseOtherOrigins })
  await app.register(trpcPlugin, { platform, refuseOtherOrigins, maxBatchSize: limits.batch })
  await app.register(docsPlugin, { publicUrl })
  await app.register(logPlugin, { platform })
  await app.register(proofPlugin, { platform })
  await app.register(runsPlugin, { platform, log, publicUrl, drainMs, stopping })
  await app.register(dashboardPlugin, { root: dashboard })
  return app
}

const settingsOf = ({ connections, connectionsPerAddress }: Partial<EdgeSettings>): Partial<EdgeLimits> => ({
  ...(connections !== undefined && { connections }),
  ...(connectionsPerAddress !== undefined && { connectionsPerAddress }),
})

function logRequest(request: FastifyRequest, reply: FastifyReply) {
  request.log.info(
    {
      method: request.method,
      client: request.ip,
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
