import type { LookupAddress, LookupOptions } from 'node:dns'
import { lookup } from 'node:dns'
import { isIP } from 'node:net'
import { Refusal } from '@stewrd/core/kernel/errors.ts'
import { Agent, buildConnector, fetch as undiciFetch } from 'undici'
import { isPublicAddress } from './addresses.ts'
import { allowList } from './allow-list.ts'
import type { Post, Posted } from './post.ts'
import { post, postAsFetch } from './post.ts'
import { AnswerTooLarge } from './unpacked.ts'

export type Egress = {
  /** `fetch` that connects to public addresses (over https) and allowed hosts only, and follows no redirect. */
  fetch: typeof globalThis.fetch
  /** A `POST`, under the rules of `fetch` and with its errors: what a run waits for. */
  post(url: string, given: Post): Promise<Posted>
  /** Whether `fetch` would connect to this URL's host now. Throws BASE_URL_REFUSED, saying why and what to set. */
  check(url: string): Promise<void>
  close(): Promise<void>
}

export type EgressOptions = {
  /** STEWRD_EGRESS_ALLOW: hosts that may be called though they are private, as `host:port`. */
  allow?: readonly string[]
  connectTimeoutMs?: number
  /** Until an answer begins, and between two of its pieces. Callers set the limit of the whole. */
  silenceMs?: number
  /** Of an answer, unpacked. */
  maxAnswerBytes?: number
  /** To one host at once. */
  connections?: number
  /** How names become addresses; another one only in tests. */
  resolve?: Resolve
}

type Found = (error: Error | null, addresses: LookupAddress[]) => void
type Resolve = (hostname: string, options: LookupOptions & { all: true }, found: Found) => void
type Target = { hostname: string; port: number; secure: boolean }

/** The one way out of the platform. What is judged is the address that is dialled: a name that resolves to another address later is judged again. */
export function createEgress({
  allow = [],
  connectTimeoutMs = 10_000,
  silenceMs = 120_000,
  maxAnswerBytes = 32 * 1024 * 1024,
  connections = 256,
  resolve = lookup,
}: EgressOptions = {}): Egress {
  const allowed = allowList(allow)
  const agent = new Agent({
    connect: guarded(allowed, resolve, connectTimeoutMs),
    keepAliveTimeout: 30_000,
    connections,
    headersTimeout: silenceMs,
    bodyTimeout: silenceMs,
    maxResponseSize: maxAnswerBytes,
  })
  const through = { dispatcher: agent, maxAnswerBytes }
  return {
    fetch: ((input: string | URL, init: RequestInit = {}) => {
      // `manual` shows the answer that redirects. Neither goes where it points.
      const redirect = init.redirect === 'manual' ? 'manual' : 'error'
      const { method, headers, body, signal } = init
      if (method?.toUpperCase() === 'POST' && typeof body === 'string')
        return postAsFetch(through, input, { headers: new Headers(headers), body, redirect, ...(signal && { signal }) })
      const asIs = new Headers(headers)
      if (!asIs.has('accept-encoding')) asIs.set('accept-encoding', 'identity')
      const rest = { ...init, headers: Object.fromEntries(asIs), dispatcher: agent, redirect }
      const fetched = undiciFetch(input, rest as Parameters<typeof undiciFetch>[1])
      return fetched.then((response) => bounded(response as unknown as Response, maxAnswerBytes))
    }) as unknown as typeof globalThis.fetch,
    post: (url, given) => post(through, url, given),
    async check(url) {
      const target = targetOf(new URL(url))
      if (allowed(target.hostname, target.port)) return
      judgeLiteral(target)
      if (!isIP(target.hostname)) await publicAddresses(resolve, target)
    },
    close: () => agent.close(),
  }
}

/** `fetch` unpacks an answer by itself, whatever its size becomes. */
function bounded(response: Response, maxBytes: number): Response {
  if (!response.body || !response.headers.has('content-encoding')) return response
  let count = 0
  const counted = new TransformStream<Uint8Array, Uint8Array>({
    transform(piece, controller) {
      count += piece.length
      if (count > maxBytes) throw new AnswerTooLarge(maxBytes)
      controller.enqueue(piece)
    },
  })
  const { status, statusText, headers } = response
  return new Response(response.body.pipeThrough(counted), { status, statusText, headers })
}

const targetOf = ({ hostname, port, protocol }: { hostname: string; port: string; protocol: string }): Target => ({
  hostname: hostname.replace(/^\[(.*)\]$/, '$1'),
  port: Number(port) || (protocol === 'https:' ? 443 : 80),
  secure: protocol === 'https:',
})

/** A literal never reaches the look-up, so it is judged before; a name is judged by the addresses that are then dialled, and no others. */
function guarded(
  allowed: (hostname: string, port: number) => boolean,
  resolve: Resolve,
  timeout: number,
): buildConnector.connector {
  const plain = buildConnector({ timeout })
  return (options, callback) => {
    const target = targetOf(options)
    if (allowed(target.hostname, target.port)) return plain(options, callback)
    try {
      judgeLiteral(target)
    } catch (error) {
      return callback(error as Refusal, null)
    }
    publicAddresses(resolve, target).then(
      (addresses) => dial(addresses, timeout)(options, callback),
      (error: Error) => callback(error, null),
    )
  }
}

/** Dials what was judged: between two look-ups a name may change its mind. All addresses are tried, as one family may have no route. */
function dial(addresses: readonly LookupAddress[], timeout: number): buildConnector.connector {
  const judged = ((_hostname: string, { all }: LookupOptions, found: (...answer: unknown[]) => void) =>
    all ? found(null, addresses) : found(null, addresses[0]!.address, addresses[0]!.family)) as typeof lookup
  return buildConnector({ timeout, lookup: judged, autoSelectFamily: true })
}

/** Refuses literal addresses that are not public, and plain http. */
function judgeLiteral({ hostname, port, secure }: Target): void {
  if (isIP(hostname) && !isPublicAddress(hostname)) throw privateHost({ hostname, port })
  if (!secure)
    throw refused(
      { hostname, port },
      `nothing may travel to a public host over plain http. Use https. ${setting({ hostname, port })}`,
    )
}

/** The addresses of a name, or those that a literal stands for. Refuses when any of them is not public. */
async function publicAddresses(resolve: Resolve, { hostname, port }: Target): Promise<LookupAddress[]> {
  const family = isIP(hostname)
  if (family) return [{ address: hostname, family }]
  const addresses = await new Promise<LookupAddress[]>((found, failed) =>
    resolve(hostname, { all: true }, (error, all) =>
      error ? failed(unresolved({ hostname, port }, error)) : found(all),
    ),
  )
  if (!addresses.length) throw unresolved({ hostname, port })
  if (!addresses.every(({ address }) => isPublicAddress(address))) throw privateHost({ hostname, port })
  return addresses
}

type Host = Pick<Target, 'hostname' | 'port'>
const nameOf = ({ hostname, port }: Host) => (hostname.includes(':') ? `[${hostname}]:${port}` : `${hostname}:${port}`)
const setting = (host: Host) => `If it is yours, the operator can allow it: STEWRD_EGRESS_ALLOW=${nameOf(host)}`
const refused = (host: Host, because: string, options?: ErrorOptions) =>
  new Refusal('BASE_URL_REFUSED', { host: nameOf(host), because }, options)
const privateHost = (host: Host) => refused(host, `it is a private or reserved address. ${setting(host)}`)
const unresolved = (host: Host, cause?: Error) =>
  refused(
    host,
    'its name could not be resolved. Check the spelling, and that this server can reach the internet directly: it uses no HTTPS_PROXY.',
    cause && { cause },
  )
