import { connect, disconnect } from './connect.ts'
import { run } from './db-error.ts'

/** Connections that whoever the URL names may have at a time, over all processes. */
export async function connectionLimit(url: string): Promise<number> {
  const sql = connect(url, { max: 1, role: null, applicationName: 'stewrd-start', waitSeconds: 30 })
  try {
    const [row] = await run(sql<[{ allowed: number }]>`
      select least(
        current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int,
        case when not rolsuper then nullif(rolconnlimit, -1) end,
        case when not rolsuper then nullif(datconnlimit, -1) end
      ) as allowed
      from pg_roles, pg_database where rolname = session_user and datname = current_database()`)
    return row?.allowed ?? Number.POSITIVE_INFINITY
  } finally {
    await disconnect(sql, 1)
  }
}
