import type { FastifyReply, FastifyRequest } from 'fastify'

type Options = { publicUrl?: string | undefined; allowedHosts: readonly string[] }
const loopback = /^(localhost|127(\.\d{1,3}){3}|::1)$/
/** Asked by machines that know a server by its address. */
const health = new Set(['/healthz', '/readyz'])

/**
 * An `onRequest` hook: refuses requests under a host name that is not this server's. A page of another site can give its own name this
 * server's address (DNS rebinding); answers that name the host could be cached under a name that somebody else chose.
 */
export function hostGuard({ publicUrl, allowedHosts }: Options) {
  const own = new Set(allowedHosts.map(plain))
  if (publicUrl !== undefined) own.add(plain(new URL(publicUrl).hostname))
  return async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply | undefined> => {
    const name = plain(URL.parse(`http://${request.host}`)?.hostname ?? '')
    if (own.has(name) || loopback.test(name) || health.has(request.url.split('?', 1)[0]!)) return undefined
    const message =
      'This server does not answer to the host name of this request. Set STEWRD_PUBLIC_URL to the address that people use, or add the name to STEWRD_ALLOWED_HOSTS.'
    return await reply
      .code(421)
      .header('cache-control', 'no-store')
      .send({ error: { code: 'host_not_allowed', message } })
  }
}

const plain = (host: string) =>
  host
    .toLowerCase()
    .replace(/^\[(.*)\]$/, '$1')
    .replace(/\.$/, '')
