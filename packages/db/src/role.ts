import type { Sql } from './connect.ts'
import { DbError, run } from './db-error.ts'

/**
 * Makes the roles that the server's logins have, and lets the owner take them: `stewrd_app` for requests, and `stewrd_worker` for what works on
 * every account and project, which may do all that the first may. Neither owns anything.
 */
export async function ensureRoles(sql: Sql): Promise<void> {
  const [has] = await run(sql<[Membership]>`
    select coalesce(pg_has_role(current_user, to_regrole('stewrd_app'), 'usage'), false) as app,
      coalesce(pg_has_role(current_user, to_regrole('stewrd_worker'), 'usage'), false) as worker,
      to_regrole('stewrd_app') is null as "noApp", to_regrole('stewrd_worker') is null as "noWorker",
      current_setting('server_version_num')::int as version, quote_ident(current_user) as me`)
  if (has.app && has.worker) return
  const missing = [
    ...(has.noApp ? ['create role stewrd_app nologin'] : []),
    ...(has.noWorker ? ['create role stewrd_worker nologin in role stewrd_app'] : []),
  ]
  // Before version 16 a member inherits what its own role says.
  const grant = `grant stewrd_app, stewrd_worker to ${has.me}${has.version >= 160_000 ? ' with inherit true' : ''}`
  try {
    for (const statement of missing) await createRole(sql, statement)
    await run(sql.unsafe(grant))
  } catch (error) {
    if (!(error instanceof DbError) || error.code !== '42501') throw error
    throw new Error(
      `This database user may not create roles. Let an administrator run this once, then start again:\n` +
        `  ${[...missing, grant].join('; ')};`,
      { cause: error },
    )
  }
}

type Membership = { app: boolean; worker: boolean; noApp: boolean; noWorker: boolean; version: number; me: string }

/** Roles belong to the whole server: another database's start may make it at the same moment. */
async function createRole(sql: Sql, statement: string): Promise<void> {
  try {
    await run(sql.unsafe(statement))
  } catch (error) {
    if (!(error instanceof DbError) || !['42710', '23505'].includes(error.code)) throw error
  }
}
