import { Refusal } from '@stewrd/core/kernel/errors.ts'
import { dbError } from '@stewrd/db/db-error.ts'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { OriginGuard } from '../kernel/same-origin.ts'
import type { Auth } from './auth.ts'
import { authPath, clientAddressHeader } from './auth.ts'
import type { EndpointPath } from './endpoints.ts'
import { endpoints, isEndpoint } from './endpoints.ts'
import type { Revocations } from './revocations.ts'
import type { Attempt } from './throttle.ts'

type Options = {
  auth: Pick<Auth, 'handler' | 'session' | 'endOtherSessions' | 'throttle' | 'device'>
  revocations: Pick<Revocations, 'sessionsEnded'>
  refuseOtherOrigins: OriginGuard
}
type Asked = { path: EndpointPath; body: object }

/** better-auth behind Fastify: the endpoints that are used, each with the fields it may be given, and with its attempts counted. */
export async function authPlugin(
  app: FastifyInstance,
  { auth, revocations, refuseOtherOrigins }: Options,
): Promise<void> {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit: 64 * 1024 }, (_request, body, done) => done(null, body))
  app.addHook('onRequest', refuseOtherOrigins)
  app.addHook('onRequest', async (_request, reply) => {
    reply.header('cache-control', 'no-store')
  })
  app.route({
    method: ['GET', 'POST'],
    url: `${authPath}/*`,
    async handler(request, reply) {
      const path = request.url.slice(authPath.length).split('?', 1)[0]!
      if (request.method !== 'POST' || !isEndpoint(path))
        return reply.code(404).send({ message: 'There is nothing at this path.' })
      const body = endpoints[path].safeParse(jsonIn(request.body))
      if (!body.success) return reply.code(400).send({ message: problemOf(body.error), code: 'INVALID_INPUT' })
      return await answered(request, reply, { path, body: body.data }).catch((error: unknown) => {
        request.log.error({ err: dbError(error) }, 'sign-in failed')
        return unavailable(reply)
      })
    },
  })

  async function answered(request: FastifyRequest, reply: FastifyReply, asked: Asked): Promise<FastifyReply> {
    if (asked.path === '/revoke-other-sessions') return endOthers(request, reply)
    const attempt = await attemptOf(request, asked)
    const wait = attempt ? await auth.throttle.admit(attempt) : 0
    if (wait > 0) return tooMany(reply, wait)
    const response = await auth.handler(toFetchRequest(request, asked)).catch((error: unknown) => {
      if (attempt) void takeBack(request, attempt)
      throw error
    })
    const text = await response.text()
    // What it could not do, it could not do for want of the database; its words for that are not for others.
    if (response.status >= 500) {
      if (attempt) void takeBack(request, attempt)
      return unavailable(reply)
    }
    if (attempt && !wasWrong(asked.path, response.status, text)) await takeBack(request, attempt)
    if (asked.path !== '/sign-in/email' && response.ok) void revocations.sessionsEnded()
    for (const cookie of response.headers.getSetCookie()) reply.header('set-cookie', cookie)
    if (attempt?.kind === 'sign-in' && response.ok)
      reply.header('set-cookie', auth.device.remember(request.headers.cookie, attempt.email))
    return reply.code(response.status).type('application/json; charset=utf-8').send(withoutToken(text))
  }

  async function endOthers(request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
    const session = await auth.session(headersOf(request))
    if (!session) return reply.code(401).send({ message: 'Sign in first.', code: 'UNAUTHORIZED' })
    await auth.endOtherSessions(session)
    void revocations.sessionsEnded()
    return reply.send({ status: true })
  }

  /** That an attempt stays counted is no reason to refuse what was right. */
  const takeBack = (request: FastifyRequest, attempt: Attempt) =>
    auth.throttle.takeBack(attempt).catch((error: unknown) => {
      request.log.warn({ err: dbError(error) }, 'an attempt that did not fail stays counted')
    })

  /** What is counted, for the endpoints that look at a password. */
  async function attemptOf(request: FastifyRequest, { path, body }: Asked): Promise<Attempt | undefined> {
    if (path === '/sign-in/email') {
      const { email } = body as { email: string }
      const device = auth.device.deviceOf(request.headers.cookie, email)
      return { kind: 'sign-in', email, address: request.ip, device }
    }
    if (path !== '/change-password') return undefined
    const session = await auth.session(headersOf(request))
    return session && { kind: 'session', sessionId: session.id }
  }
}

const wasWrong = (path: EndpointPath, status: number, text: string) =>
  path === '/change-password' ? status === 400 && text.includes('"INVALID_PASSWORD"') : status === 401

const unavailable = (reply: FastifyReply) =>
  reply.code(503).send({ message: 'Signing in is not possible just now. Try again.' })

const tooMany = (reply: FastifyReply, retryAfter: number) => {
  const { code, message } = new Refusal('TOO_MANY_ATTEMPTS', { retryAfter })
  return reply.code(429).header('retry-after', String(retryAfter)).send({ message, code })
}

/** The token stays in its cookie, where no script reads it. */
function withoutToken(text: string): string {
  const { token: _, ...rest } = JSON.parse(text || '{}') as { token?: string }
  return JSON.stringify(rest)
}

function jsonIn(body: unknown): unknown {
  if (!Buffer.isBuffer(body) || body.length === 0) return {}
  try {
    return JSON.parse(body.toString('utf8'))
  } catch {
    return undefined
  }
}

function problemOf({ issues: [issue] }: { issues: readonly { path: PropertyKey[]; message: string }[] }): string {
  const field = issue?.path.join('.')
  return field ? `The field "${field}" is not valid: ${issue!.message}` : 'The body is not a JSON object.'
}

function toFetchRequest(request: FastifyRequest, { path, body }: Asked): Request {
  const headers = headersOf(request)
  headers.set(clientAddressHeader, request.ip)
  headers.set('content-type', 'application/json')
  headers.delete('content-length')
  return new Request(new URL(authPath + path, `${request.protocol}://${request.host}`), {
    method: 'POST',
    headers,
    body: JSON.stringify(body),
  })
}

/** The headers of a request in fetch's form. */
export function headersOf({ headers }: Pick<FastifyRequest, 'headers'>): Headers {
  const out = new Headers()
  for (const [name, value] of Object.entries(headers))
    for (const one of Array.isArray(value) ? value : [value]) if (one !== undefined) out.append(name, one)
  out.delete(clientAddressHeader)
  return out
}
