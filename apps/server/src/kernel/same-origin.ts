import type { FastifyReply, FastifyRequest } from 'fastify'

const safe = new Set(['GET', 'HEAD', 'OPTIONS'])
type Headers = Pick<FastifyRequest, 'headers' | 'host'>
export type OriginGuard = (request: FastifyRequest, reply: FastifyReply) => Promise<void>

/**
 * Refuses changes that another site's page sends with the visitor's cookie. Browsers say where a request comes from
 * (`Sec-Fetch-Site`, `Origin`); programs say nothing, and hold no cookie of anybody's.
 */
export function originGuard(publicUrl: string | undefined): OriginGuard {
  return async (request, reply) => {
    if (safe.has(request.method) || isSameOrigin(request, publicUrl)) return
    await reply.code(403).send({ error: { message: 'This request came from another site.' } })
  }
}

export function isSameOrigin({ headers, host }: Headers, publicUrl: string | undefined): boolean {
  const site = headers['sec-fetch-site']
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return false
  const { origin } = headers
  if (origin === undefined) return true
  // A proxy may put another host into the request than the one in the browser's address bar.
  const own = [host, ...(publicUrl === undefined ? [] : [new URL(publicUrl).host])]
  return own.includes(URL.parse(origin)?.host ?? '')
}
