import type { Sql } from './connect.ts'
import { DbError, run } from './db-error.ts'

/** Makes the role under which the server works, and lets the owner take it. */
export async function ensureAppRole(sql: Sql): Promise<void> {
  const [role] = await run(sql<{ member: boolean }[]>`
    select pg_has_role(current_user, oid, 'member') as member from pg_roles where rolname = 'stewrd_app'`)
  if (role?.member) return
  try {
    if (!role) await createRole(sql)
    await run(sql.unsafe('grant stewrd_app to current_user'))
  } catch (error) {
    if (!(error instanceof DbError) || error.code !== '42501') throw error
    const [{ me } = { me: '' }] = await run(sql<{ me: string }[]>`select quote_ident(current_user) as me`)
    throw new Error(
      `This database user may not create roles. Let an administrator run this once, then start again:\n` +
        `  create role stewrd_app nologin; grant stewrd_app to ${me};`,
      { cause: error },
    )
  }
}

/** Roles belong to the whole server: another database's start may make it at the same moment. */
async function createRole(sql: Sql): Promise<void> {
  try {
    await run(sql.unsafe('create role stewrd_app nologin'))
  } catch (error) {
    if (!(error instanceof DbError) || !['42710', '23505'].includes(error.code)) throw error
  }
}
