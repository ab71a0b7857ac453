import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { ConnectionOptions, PeerCertificate } from 'node:tls'

/** Why a database URL cannot be used. Names parameters, and never quotes the URL. */
export class DatabaseUrlError extends Error {
  override readonly name = 'DatabaseUrlError'
}

/** Where a database is and how it is reached, as the driver takes it. */
export type DatabaseTarget = {
  /** One or several, each with its port. Empty: the socket at `path`. */
  host: string[]
  port: number[]
  path?: string
  user: string
  password: string
  database: string
  ssl: false | 'prefer' | 'require' | ConnectionOptions
  /** SCRAM must be bound to the TLS connection. */
  channelBinding: 'disable' | 'prefer' | 'require'
  applicationName?: string
  targetSessionAttrs?: 'read-write' | 'primary'
  /** Seconds. */
  connectTimeout: number
  /** Command line options for the session, as `-c search_path=public`. */
  options?: string
}

const CONNECT_SECONDS = 5

/** Reads a `postgres://` URL. Throws `DatabaseUrlError` for anything that would not be obeyed. */
export function parseDatabaseUrl(text: string): DatabaseTarget {
  const { authority, path, query } = partsOf(text)
  const at = authority.lastIndexOf('@')
  if (authority.indexOf('@') !== at) throw unencoded()
  const [user = '', password = ''] = credentialsOf(at < 0 ? '' : authority.slice(0, at))
  const parameters = parametersOf(query)
  const name = decoded(path.slice(1)) || user
  if (!user) throw new DatabaseUrlError('names no user: postgres://USER:PASSWORD@HOST/DATABASE')
  const hosts = parameters.get('host') ?? decoded(authority.slice(at + 1))
  const place = placeOf(hosts, parameters.get('port'))
  const { application_name, options } = Object.fromEntries(parameters)
  return {
    ...place,
    user,
    password,
    database: name,
    ssl: sslOf(parameters, place.host),
    channelBinding: oneOf(parameters, 'channel_binding', ['disable', 'prefer', 'require']) ?? 'prefer',
    connectTimeout: timeoutOf(parameters),
    ...(application_name && { applicationName: application_name }),
    ...(options && { options }),
    ...sessionOf(parameters),
  }
}

/** The same URL for another database of the server. */
export const withDatabase = (url: string, name: string) =>
  url.replace(/^(\w+:\/\/[^/?]*)(?:\/[^?]*)?/, (_, server: string) => `${server}/${encodeURIComponent(name)}`)

const unencoded = () =>
  new DatabaseUrlError(
    'has a character in its user or password that must be percent-encoded: write %25 for %, %23 for #, %2F for /, %3F for ?, %40 for @',
  )

function partsOf(text: string) {
  const scheme = /^postgres(?:ql)?:\/\//.exec(text)
  if (!scheme) throw new DatabaseUrlError('must be a postgres:// URL')
  const rest = text.slice(scheme[0].length)
  if (rest.includes('#')) throw unencoded()
  const end = rest.search(/[/?]/)
  const authority = end < 0 ? rest : rest.slice(0, end)
  const [path = '', ...query] = end < 0 ? [''] : rest.slice(end).split('?')
  // A slash or question mark of the password ended the authority too early.
  if (path.includes('@') || (!authority.includes('@') && query.join('?').includes('@'))) throw unencoded()
  return { authority, path, query: query.join('?') }
}

function credentialsOf(text: string): string[] {
  const colon = text.indexOf(':')
  return (colon < 0 ? [text] : [text.slice(0, colon), text.slice(colon + 1)]).map(decoded)
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    throw unencoded()
  }
}

const KNOWN = [
  'host',
  'port',
  'sslmode',
  'sslrootcert',
  'sslcert',
  'sslkey',
  'channel_binding',
  'application_name',
  'connect_timeout',
  'target_session_attrs',
  'options',
]

function parametersOf(query: string): Map<string, string> {
  const found = new Map<string, string>()
  for (const pair of query.split('&').filter(Boolean)) {
    const [name = '', ...value] = pair.split('=')
    const key = decoded(name)
    if (!KNOWN.includes(key))
      throw new DatabaseUrlError(
        `has a parameter that is not understood: ${/^\w{1,40}$/.test(key) ? key : 'its name is no word'}. Remove it; these are: ${KNOWN.join(', ')}`,
      )
    found.set(key, decoded(value.join('=').replaceAll('+', ' ')))
  }
  return found
}

function placeOf(hosts: string, ports: string | undefined): Pick<DatabaseTarget, 'host' | 'port' | 'path'> {
  const names = hosts.split(',').filter(Boolean)
  const given = ports?.split(',')
  const all = (names.length === 0 ? ['localhost'] : names).map((one, i) => {
    if (one.startsWith('/')) return { host: one, port: portOf(given?.[i] ?? given?.[0]) }
    const [, host, port] = /^(\[[0-9a-fA-F:.]+\]|[^:[\]]+)(?::(\d*))?$/.exec(one) ?? []
    if (!host) throw new DatabaseUrlError('names a host that cannot be read. Write HOST:PORT, or several with commas')
    return { host: host.replace(/^\[|\]$/g, ''), port: portOf(port || (given?.[i] ?? given?.[0])) }
  })
  const [first] = all
  if (all.length === 1 && first!.host.startsWith('/'))
    return { host: [], port: [], path: `${first!.host.replace(/\/$/, '')}/.s.PGSQL.${first!.port}` }
  if (all.some(({ host }) => host.startsWith('/')))
    throw new DatabaseUrlError('names a socket beside other hosts. Name the socket alone, or hosts alone')
  return { host: all.map(({ host }) => host), port: all.map(({ port }) => port) }
}

function portOf(text = '5432'): number {
  const port = Number(text)
  if (!/^\d{1,5}$/.test(text) || port < 1 || port > 65_535) throw new DatabaseUrlError('has a port that is no port')
  return port
}

function oneOf<const T extends string>(parameters: Map<string, string>, name: string, allowed: readonly T[]) {
  const value = parameters.get(name)
  const found = allowed.find((one) => one === value)
  if (value !== undefined && found === undefined)
    throw new DatabaseUrlError(`has a ${name} that cannot be used. It must be one of ${allowed.join(', ')}`)
  return found
}

function timeoutOf(parameters: Map<string, string>): number {
  const text = parameters.get('connect_timeout')
  if (text === undefined) return CONNECT_SECONDS
  if (!/^\d{1,4}$/.test(text)) throw new DatabaseUrlError('has a connect_timeout that is no number of seconds')
  // As in libpq, 0 is "no limit", which a server cannot use.
  return Number(text) || CONNECT_SECONDS
}

/** Stewrd writes: a server that only reads cannot be asked for. */
function sessionOf(parameters: Map<string, string>): Pick<DatabaseTarget, 'targetSessionAttrs'> {
  const wanted = oneOf(parameters, 'target_session_attrs', ['any', 'read-write', 'primary'])
  return wanted === undefined || wanted === 'any' ? {} : { targetSessionAttrs: wanted }
}

const MODES = ['disable', 'allow', 'prefer', 'require', 'verify-ca', 'verify-full'] as const

/** As libpq reads it: a root certificate is never given for nothing. */
function sslOf(parameters: Map<string, string>, hosts: readonly string[]): DatabaseTarget['ssl'] {
  const root = parameters.get('sslrootcert')
  const asked = oneOf(parameters, 'sslmode', MODES)
  if (root === 'system' && asked !== undefined && asked !== 'verify-full')
    throw new DatabaseUrlError('has sslrootcert=system, which needs sslmode=verify-full')
  const mode = root === 'system' ? 'verify-full' : root !== undefined && asked === 'require' ? 'verify-ca' : asked
  if (root !== undefined && !mode?.startsWith('verify'))
    throw new DatabaseUrlError('has an sslrootcert, which needs sslmode=verify-ca or sslmode=verify-full')
  if (mode === undefined || mode === 'disable') return false
  const own = { ...file(parameters, 'sslcert', 'cert'), ...file(parameters, 'sslkey', 'key') }
  if (mode === 'allow' || mode === 'prefer') return 'prefer'
  if (mode === 'require') return Object.keys(own).length === 0 ? 'require' : { ...own, rejectUnauthorized: false }
  const ca = root === 'system' ? {} : file(parameters, 'sslrootcert', 'ca')
  return { ...own, ...ca, rejectUnauthorized: true, ...identityCheck(mode, hosts) }
}

const isAddress = (host: string) => /^[\d.]+$|:/.test(host)

/** The driver names no host to TLS when it is an address, and TLS would compare the certificate with "localhost". */
function identityCheck(mode: 'verify-ca' | 'verify-full', hosts: readonly string[]) {
  if (mode === 'verify-ca') return { checkServerIdentity: () => undefined }
  const address = hosts.find(isAddress)
  if (address === undefined) return {}
  if (hosts.length > 1)
    throw new DatabaseUrlError('has several hosts and sslmode=verify-full, which needs names in place of addresses')
  return {
    checkServerIdentity: (_: string, { raw }: PeerCertificate) =>
      new X509Certificate(raw).checkIP(address) === undefined ? otherAddress() : undefined,
  }
}

const otherAddress = () =>
  Object.assign(new Error('the certificate of the database is for another address'), {
    code: 'ERR_TLS_CERT_ALTNAME_INVALID',
  })

function file(parameters: Map<string, string>, name: string, as: string): Record<string, Buffer> {
  const path = parameters.get(name)
  if (path === undefined) return {}
  try {
    return { [as]: readFileSync(path) }
  } catch {
    throw new DatabaseUrlError(`has a ${name} that cannot be read. Give the path of a PEM file that this user may read`)
  }
}
