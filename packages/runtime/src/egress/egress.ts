import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import { Refusal } from '@stewrd/core/kernel/errors.ts'
import { Agent, buildConnector, fetch as undiciFetch } from 'undici'
import { isPublicAddress } from './addresses.ts'
import { allowList } from './allow-list.ts'

export type Egress = {
  /** `fetch` that connects to public addresses (over https) and allowed hosts only, and follows no redirect. */
  fetch: typeof globalThis.fetch
  /** Whether `fetch` would connect to this URL's host now. Throws BASE_URL_REFUSED, saying why and what to set. */
  check(url: string): Promise<void>
  close(): Promise<void>
}

export type EgressOptions = {
  /** STEWRD_EGRESS_ALLOW: hosts that may be called though they are private, as `host:port`. */
  allow?: readonly string[]
  connectTimeoutMs?: number
}

type Target = { hostname: string; port: number; secure: boolean }

/** The one way out of the platform. What is judged is the address that is dialled: a name that resolves to another address later is judged again. */
export function createEgress({ allow = [], connectTimeoutMs = 10_000 }: EgressOptions = {}): Egress {
  const allowed = allowList(allow)
  const agent = new Agent({
    connect: guarded(allowed, connectTimeoutMs),
    keepAliveTimeout: 30_000,
    connections: 256,
    bodyTimeout: 0,
    headersTimeout: 0,
  })
  const judge = async (target: Target) => {
    if (allowed(target.hostname, target.port)) return
    await publicAddress(target)
  }
  return {
    fetch: ((input: string | URL, init?: object) =>
      undiciFetch(input, { ...init, dispatcher: agent, redirect: 'error' })) as unknown as typeof globalThis.fetch,
    check: (url) => judge(targetOf(new URL(url))),
    close: () => agent.close(),
  }
}

const targetOf = (url: URL): Target => ({
  hostname: url.hostname.replace(/^\[(.*)\]$/, '$1'),
  port: Number(url.port) || (url.protocol === 'https:' ? 443 : 80),
  secure: url.protocol === 'https:',
})

/** Dials the address that was judged, not the name: between two look-ups a name may change its mind. */
function guarded(allowed: (hostname: string, port: number) => boolean, timeout: number): buildConnector.connector {
  const connect = buildConnector({ timeout })
  return (options, callback) => {
    const target = {
      hostname: options.hostname.replace(/^\[(.*)\]$/, '$1'),
      port: Number(options.port) || (options.protocol === 'https:' ? 443 : 80),
      secure: options.protocol === 'https:',
    }
    if (allowed(target.hostname, target.port)) return connect(options, callback)
    void dial(connect, options, target, callback)
  }
}

async function dial(
  connect: buildConnector.connector,
  options: buildConnector.Options,
  target: Target,
  done: buildConnector.Callback,
): Promise<void> {
  try {
    const hostname = await publicAddress(target)
    connect({ ...options, hostname, servername: options.servername ?? target.hostname }, done)
  } catch (error) {
    done(error instanceof Error ? error : new Error('refused'), null)
  }
}

/** The address to dial for a public host. Refuses when any address of the name is not public. */
async function publicAddress({ hostname, port, secure }: Target): Promise<string> {
  const host = hostname.includes(':') ? `[${hostname}]:${port}` : `${hostname}:${port}`
  const refuse = (because: string) => new Refusal('BASE_URL_REFUSED', { host, because })
  const addresses = isIP(hostname) ? [hostname] : await resolved(hostname, refuse)
  const setting = `If it is yours, the operator can allow it: STEWRD_EGRESS_ALLOW=${host}`
  if (!addresses.every(isPublicAddress)) throw refuse(`it is a private or reserved address. ${setting}`)
  if (!secure) throw refuse(`a key must not travel over plain http. Use https. ${setting}`)
  return addresses[0]!
}

async function resolved(hostname: string, refuse: (because: string) => Refusal): Promise<string[]> {
  try {
    const found = await lookup(hostname, { all: true })
    if (found.length) return found.map((f) => f.address)
  } catch (error) {
    throw Object.assign(
      refuse('its name could not be resolved. Check the spelling, and that this server can reach the internet.'),
      { cause: error },
    )
  }
  throw refuse('its name has no address. Check the spelling.')
}
