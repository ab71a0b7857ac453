import { isStorable } from '@stewrd/core/kernel/text.ts'
import { dbError } from '@stewrd/db/db-error.ts'
import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { OriginGuard } from '../kernel/same-origin.ts'
import type { Auth } from './auth.ts'
import { authPath, clientAddressHeader } from './auth.ts'

type Options = { auth: Pick<Auth, 'handler'>; refuseOtherOrigins: OriginGuard }

/** better-auth behind Fastify, with a body parser of its own: it reads the bytes itself. */
export async function authPlugin(app: FastifyInstance, { auth, refuseOtherOrigins }: Options): Promise<void> {
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', { parseAs: 'buffer', bodyLimit: 64 * 1024 }, (_request, body, done) => done(null, body))
  // better-auth hands text to the database unseen, which refuses some: that would look like an outage.
  app.addHook('preHandler', async (request, reply) => {
    if (
      !textsIn(request.query)
        .concat(textsIn(jsonOf(request.body)))
        .every(isStorable)
    )
      return reply
        .code(400)
        .send({ message: 'The request holds text that cannot be stored. Send well-formed Unicode.' })
  })
  app.addHook('onRequest', refuseOtherOrigins)
  app.route({
    method: ['GET', 'POST'],
    url: `${authPath}/*`,
    async handler(request, reply) {
      const response = await auth.handler(toFetchRequest(request)).catch((error: unknown) => {
        request.log.error({ err: dbError(error) }, 'sign-in failed')
        return undefined
      })
      // What it could not do, it could not do for want of the database; its words for that are not for others.
      if (!response || response.status >= 500)
        return reply.code(503).send({ message: 'Signing in is not possible just now. Try again.' })
      reply.status(response.status)
      for (const [name, value] of response.headers) if (name !== 'set-cookie') reply.header(name, value)
      for (const cookie of response.headers.getSetCookie()) reply.header('set-cookie', cookie)
      return reply.send(response.body === null ? null : await response.text())
    },
  })
}

const textsIn = (value: unknown): string[] =>
  Object.values(value ?? {}).filter((one: unknown) => typeof one === 'string')

/** Null for what is no JSON, which better-auth refuses. */
function jsonOf(body: unknown): unknown {
  try {
    return Buffer.isBuffer(body) && body.length > 0 ? (JSON.parse(body.toString('utf8')) as unknown) : null
  } catch {
    return null
  }
}

function toFetchRequest(request: FastifyRequest): Request {
  const headers = headersOf(request)
  headers.set(clientAddressHeader, request.ip)
  const body = Buffer.isBuffer(request.body) && request.body.length > 0 ? request.body.toString('utf8') : undefined
  return new Request(new URL(request.url, `${request.protocol}://${request.host}`), {
    method: request.method,
    headers,
    ...(body === undefined ? {} : { body }),
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
