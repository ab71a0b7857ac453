import postgres from 'postgres'

/** A pool of connections; `bigint` is read as a number, which idx, seq and counts never outgrow. */
export type Sql = postgres.Sql<{ bigint: number }>
/** Inside `sql.begin`. */
export type Tx = postgres.TransactionSql<{ bigint: number }>

export type ConnectOptions = {
  max?: number /** Null: as whoever the URL names. */
  role?: string | null
  applicationName?: string
  /** Seconds after which whoever waits for a connection is refused. */
  waitSeconds?: number
}

/** Connects lazily, as the role that may add events but never change them. */
export function connect(
  url: string,
  { max = 10, role = 'stewrd_app', applicationName = 'stewrd', waitSeconds = 4 }: ConnectOptions = {},
): Sql {
  const sql = postgres(url, {
    max,
    connect_timeout: 5,
    acquire_timeout: waitSeconds,
    // A limit on connections may be low, and commands need some beside a server that rests.
    idle_timeout: 5,
    backoff: (retries) => Math.min(0.05 * 2 ** retries, 1),
    onnotice: () => {},
    connection: {
      application_name: applicationName,
      TimeZone: 'UTC',
      statement_timeout: 60_000,
      // A plan is made once for a connection, often when the tables are still empty, and must be right when they are large.
      plan_cache_mode: 'force_generic_plan',
      enable_seqscan: 'off',
      ...(role === null ? {} : { role }),
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
