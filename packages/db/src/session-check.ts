import type { Sql } from './connect.ts'
import { sessionSettings } from './session-settings.ts'

export type SessionWanted = {
  wanted: 'stewrd_app' | 'stewrd_worker'
  /** The login must be nobody else and be able to become nobody else. */
  own: boolean
  /** Settings that are not in force are given to the login, which takes them when it signs in again. */
  mends: boolean
}

type Session = {
  login: string
  current: string
  database: string
  superuser: boolean
  bypasses: boolean
  owns: boolean
  app: boolean
  worker: boolean
  settings: string[]
}

/** Undefined when the session has its role and settings; `again` when it has been given them; otherwise what is wrong. Driver errors are thrown. */
export async function checkSession(sql: Sql, { wanted, own, mends }: SessionWanted): Promise<string | undefined> {
  const [session] = await sql<[Session]>`
    select session_user::text as login, current_user::text as current, current_database()::text as database,
      rolsuper as superuser, rolbypassrls as bypasses,
      exists (select from pg_class where oid = to_regclass('public.events') and pg_has_role(session_user, relowner, 'member')) as owns,
      pg_has_role(current_user, 'stewrd_app', 'usage') as app, pg_has_role(current_user, 'stewrd_worker', 'usage') as worker,
      array(select name || '=' || setting from pg_settings where name = any(${Object.keys(sessionSettings)}::text[])) as settings
    from pg_roles where rolname = ${own ? sql`session_user` : sql`current_user`}`
  const problem = own ? ownProblem(session, wanted) : takenProblem(session, wanted)
  if (problem) return problem
  const missing = Object.entries(sessionSettings).filter(
    ([name, value]) => !session.settings.includes(`${name}=${value}`),
  )
  if (missing.length === 0) return undefined
  if (!mends || !own)
    return `its settings are not in force (${missing.map(([name]) => name).join(', ')}): let the pooler connect anew (RECONNECT)`
  for (const statement of settingsStatements(session.login, session.database)) await sql.unsafe(statement)
  // A pooler keeps connections that have signed in without them, this one too: whoever has one gets another.
  await sql`
    select pg_terminate_backend(pid) from pg_stat_activity
    where usename = session_user and datname = current_database() order by pid = pg_backend_pid()`.catch(() => {})
  return 'again'
}

/** What gives a login the settings of a session: they hold behind a pooler too. */
export const settingsStatements = (login: string, database: string): string[] =>
  Object.entries(sessionSettings).map(
    ([name, value]) => `alter role "${quoted(login)}" in database "${quoted(database)}" set ${name} = '${value}'`,
  )

const quoted = (name: string) => name.replaceAll('"', '""')

function ownProblem({ superuser, bypasses, owns, app, worker }: Session, wanted: SessionWanted['wanted']) {
  if (superuser) return 'it is a superuser'
  if (bypasses) return 'it bypasses row-level security'
  if (owns) return 'it owns the tables, or can become who does'
  if (!app) return 'it does not have the role stewrd_app'
  if (wanted === 'stewrd_worker' && !worker) return 'it does not have the role stewrd_worker'
  if (wanted === 'stewrd_app' && worker) return 'it has the role stewrd_worker, which sees all projects'
  return undefined
}

const takenProblem = ({ current }: Session, wanted: string) =>
  current === wanted
    ? undefined
    : `its role is ${current} and not ${wanted}: a pooler in between drops startup parameters`
