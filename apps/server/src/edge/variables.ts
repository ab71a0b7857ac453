import { z } from 'zod'
import { optional } from '../kernel/optional.ts'

const list = (text: string) => text.split(',').map((part) => part.trim())
const address = z.union([z.ipv4(), z.ipv6(), z.cidrv4(), z.cidrv6()])
const isProxy = (text: string) => address.safeParse(text).success && !/\/0+$/.test(text)
/** A name or an address, without scheme, port and path. */
const hostName = /^(\[[0-9a-f:.]+\]|[a-z0-9_.-]+)$/i
const seconds = (most: number) =>
  z.coerce.number('must be a number of seconds').min(0, 'must be at least 0').max(most, `must be at most ${most}`)
const count = z.coerce
  .number('must be a number')
  .int('must be a whole number')
  .min(1, 'must be at least 1')
  .max(1_000_000)

/** The variables of the edge, each optional. */
export const edgeVariables = {
  STEWRD_TRUSTED_PROXIES: optional(
    z
      .string()
      .transform(list)
      .refine(
        (all) => all.every(isProxy),
        'must be addresses or ranges such as 10.0.0.5 or 10.1.0.0/16, with commas; a range of everything is refused',
      ),
  ),
  STEWRD_ALLOWED_HOSTS: optional(
    z
      .string()
      .transform(list)
      .refine(
        (all) => all.every((one) => hostName.test(one)),
        'must be host names without scheme, port and path, with commas',
      ),
  ),
  STEWRD_MAX_CONNECTIONS: optional(count),
  STEWRD_MAX_CONNECTIONS_PER_ADDRESS: optional(count),
  STEWRD_DRAIN_SECONDS: optional(seconds(3_600)),
  STEWRD_DRAIN_NOTICE_SECONDS: optional(seconds(300)),
}

/** The address that people use. Cookies, redirects and the dashboard's own addresses begin at the root of a host. */
export const PublicUrl = z
  .url({ protocol: /^https?$/, error: 'must be an http or https URL', abort: true })
  .refine(
    (text) => URL.parse(text)?.pathname === '/',
    'must not have a path: the dashboard and the API are served at the root of a host. Give Stewrd a host name of its own',
  )
  .refine((text) => {
    const { username, password, search, hash } = new URL(text)
    return !(username || password || search || hash)
  }, 'must be scheme, host and port only')

/** How the server meets its clients. Times are milliseconds. */
export type EdgeSettings = {
  /** Addresses and ranges whose `X-Forwarded-*` headers are believed. */
  trustedProxies: readonly string[]
  /** Names that the server answers to, beside that of the public URL and loopback. */
  allowedHosts: readonly string[]
  connections?: number
  connectionsPerAddress?: number
  /** What runs at a stop has this long to finish. */
  drainMs: number
  /** A stopping server serves on for this long, until load balancers have noticed. */
  noticeMs: number
}

type Values = { [Name in keyof typeof edgeVariables]?: z.output<(typeof edgeVariables)[Name]> | undefined }

export function edgeSettingsOf(
  v: Values,
  { production, host }: { production: boolean; host: string | undefined },
): EdgeSettings {
  const everywhere = ['0.0.0.0', '::', '[::]']
  const own = host === undefined || everywhere.includes(host) ? [] : [host]
  return {
    trustedProxies: v.STEWRD_TRUSTED_PROXIES ?? [],
    allowedHosts: [...(v.STEWRD_ALLOWED_HOSTS ?? []), ...own],
    ...(v.STEWRD_MAX_CONNECTIONS !== undefined && { connections: v.STEWRD_MAX_CONNECTIONS }),
    ...(v.STEWRD_MAX_CONNECTIONS_PER_ADDRESS !== undefined && {
      connectionsPerAddress: v.STEWRD_MAX_CONNECTIONS_PER_ADDRESS,
    }),
    drainMs: (v.STEWRD_DRAIN_SECONDS ?? 30) * 1000,
    noticeMs: (v.STEWRD_DRAIN_NOTICE_SECONDS ?? (production ? 5 : 0)) * 1000,
  }
}
