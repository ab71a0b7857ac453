import { Refusal } from '@stewrd/core/kernel/errors.ts'
import type { TRPCError } from '@trpc/server'
import { incomingMessageToRequest } from '@trpc/server/adapters/node-http'
import { resolveResponse } from '@trpc/server/http'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { appRouter } from '../app-router.ts'
import { headersOf } from '../auth/plugin.ts'
import type { OriginGuard } from '../kernel/same-origin.ts'
import type { Platform } from '../platform.ts'
import type { RequestContext } from './context.ts'

type Options = { platform: Platform; refuseOtherOrigins: OriginGuard; maxBatchSize: number }
type Call = FastifyRequest<{ Params: { path: string } }>

/**
 * `/trpc`. In place of tRPC's own plugin, which adds a parser of forms that has no limit. Here a body is JSON, and one for people who are
 * signed in is not read before they are.
 */
export async function trpcPlugin(app: FastifyInstance, options: Options): Promise<void> {
  const { platform, refuseOtherOrigins, maxBatchSize } = options
  const people = new WeakMap<FastifyRequest, ReturnType<RequestContext['session']>>()
  /** Looked up once for a request. */
  function personOf(request: FastifyRequest): ReturnType<RequestContext['session']> {
    const person = people.get(request) ?? platform.auth.session(headersOf(request))
    people.set(request, person)
    return person
  }

  app.addHook('onRequest', refuseOtherOrigins)
  cutTailsAtTheEnd(app)
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('application/json', { parseAs: 'string' }, (_request, body, done) => done(null, body))

  app.addHook('onRequest', async (request, reply) => {
    if (!hasBody(request) || isPublic(request as Call)) return
    const person = await personOf(request).catch(() => undefined)
    if (person) return
    // The procedure says why: nobody is signed in, or that cannot be known now.
    request.body = ''
    const refusal = await answer(request as Call, reply)
    return reply
      .code(refusal.status)
      .headers(Object.fromEntries(refusal.headers))
      .send(await refusal.text())
  })

  app.all<{ Params: { path: string } }>('/trpc/:path', async (request, reply) =>
    reply.send(await answer(request, reply)),
  )

  async function answer(request: Call, reply: FastifyReply): Promise<Response> {
    const incoming = Object.assign(request.raw, { body: request.body })
    return await resolveResponse({
      router: appRouter,
      req: incomingMessageToRequest(incoming, reply.raw, { maxBodySize: null }),
      path: request.params.path,
      error: null,
      maxBatchSize,
      createContext: async (): Promise<RequestContext> => ({
        platform,
        requestId: request.id,
        session: () => personOf(request),
      }),
      responseMeta: ({ errors }) => retryAfter(errors),
      onError({ error, path }) {
        if (error.code === 'INTERNAL_SERVER_ERROR')
          request.log.error({ err: error.cause ?? error, procedure: path }, 'failed')
        if (error.code === 'SERVICE_UNAVAILABLE') request.log.warn({ err: error.cause, procedure: path }, 'unavailable')
      },
    })
  }
}

function retryAfter(errors: readonly TRPCError[]): { headers?: Record<string, string> } {
  const refusal = errors
    .map(({ cause }) => cause)
    .find((cause) => cause instanceof Refusal && cause.code === 'TOO_MANY_ATTEMPTS')
  if (!refusal) return {}
  const { details } = refusal as Refusal<'TOO_MANY_ATTEMPTS'>
  return { headers: { 'retry-after': String(details.retryAfter) } }
}

const hasBody = ({ headers }: FastifyRequest) =>
  headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0

/** By their whole name, as calls spell it. */
const procedures = appRouter._def.procedures as unknown as Record<string, { _def: { meta?: { session?: true } } }>

/** Whether everything that is called is there for people who are not signed in. */
const isPublic = ({ params: { path } }: Call) =>
  path.split(',').every((name) => {
    const procedure = Object.hasOwn(procedures, name) ? procedures[name] : undefined
    return procedure !== undefined && procedure._def.meta?.session !== true
  })

/** Live tails have no end of their own: a stop would wait for them. A page whose tail is cut connects again and continues where it was. */
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
