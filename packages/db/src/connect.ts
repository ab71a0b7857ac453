import postgres from 'postgres'
import type { DatabaseTarget } from './database-url.ts'
import { parseDatabaseUrl } from './database-url.ts'
import { sessionSettings } from './session-settings.ts'

/** A pool of connections; `bigint` is read as a number, which idx, seq and counts never outgrow. */
export type Sql = postgres.Sql<{ bigint: number }>
/** Inside `sql.begin`. */
export type Tx = postgres.TransactionSql<{ bigint: number }>

export type ConnectOptions = {
  max?: number
  /** Taken with the session's settings by startup parameters, which poolers refuse. Null: the login's own role and settings. */
  role?: string | null
  applicationName?: string
  /** Seconds after which whoever waits for a connection is refused. */
  waitSeconds?: number
}

/** Connects lazily, as the role that may add events but never change them. */
export function connect(
  url: string | DatabaseTarget,
  { max = 10, role = 'stewrd_app', applicationName = 'stewrd', waitSeconds = 4 }: ConnectOptions = {},
): Sql {
  const target = typeof url === 'string' ? parseDatabaseUrl(url) : url
  const { host, port, path, user, password, database, targetSessionAttrs } = target
  const sql = postgres({
    // The driver takes several hosts as arrays, though its types do not say so.
    ...(path === undefined ? { host: host as unknown as string, port: port as unknown as number } : { path }),
    user,
    password,
    database,
    ssl: target.ssl,
    max,
    connect_timeout: target.connectTimeout,
    acquire_timeout: waitSeconds,
    // A limit on connections may be low, and commands need some beside a server that rests.
    idle_timeout: 5,
    // The driver's types do not know it.
    ...({ channel_binding: target.channelBinding } as object),
    ...(targetSessionAttrs && { target_session_attrs: targetSessionAttrs }),
    backoff: (retries) => Math.min(0.05 * 2 ** retries, 1),
    onnotice: () => {},
    connection: {
      application_name: target.applicationName ?? applicationName,
      ...(target.options && { options: target.options }),
      ...(role === null ? {} : { ...sessionSettings, role }),
    },
    types: {
      bigint: { to: 20, from: [20], parse: Number, serialize: String },
    },
  })
  askForTypesOnce(sql)
  return sql
}

/**
 * The driver asks for the array types on every new connection, and nobody catches the error when that connection breaks: an
 * outage would end the process. One answer serves the whole pool.
 */
function askForTypesOnce({ options }: Sql): void {
  const { typeArrayMap } = (options as unknown as { shared: { typeArrayMap: object } }).shared
  Object.defineProperty(options, 'fetch_types', { get: () => Object.keys(typeArrayMap).length === 0 })
}

/** Ends all connections; gives up waiting for the server after `seconds`. */
export async function disconnect(sql: Sql, seconds = 3): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const patience = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, (seconds + 1) * 1000)
  })
  // The driver can wait for ever for a server that died.
  await Promise.race([sql.end({ timeout: seconds }).catch(() => {}), patience])
  clearTimeout(timer)
}
