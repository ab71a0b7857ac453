import type { KeyObject } from 'node:crypto'
import { createHash } from 'node:crypto'
import { databaseLogin } from '@stewrd/crypto/database-login.ts'
import { DatabaseUnfit } from './check-database.ts'
import { connect, disconnect } from './connect.ts'
import type { DatabaseTarget } from './database-url.ts'
import { parseDatabaseUrl } from './database-url.ts'
import { dbError } from './db-error.ts'
import { checkSession, settingsStatements } from './session-check.ts'
import type { Pooler } from './pooler.ts'
import { findPooler } from './pooler.ts'

export type Role = 'stewrd_app' | 'stewrd_worker'

/** How one kind of work signs in. `role`: taken with startup parameters, by a login that could leave it again; null: the login's own. */
export type Access = {
  target: DatabaseTarget
  role: Role | null
  /** It goes the way of DATABASE_URL, through a pooler if that does. */
  pooled: boolean
}

/** How a server uses its database: requests as `app`, what works for all projects as `worker`. */
export type Accesses = {
  app: Access
  worker: Access
  pooler: Pooler | undefined
  /** Why the logins are not their own, and what to do about it. */
  advice: string | undefined
}

export type LoginOptions = {
  /** DATABASE_URL, or the embedded server's. */
  url: string
  /** Of the login that owns the tables, connected directly, where `url` names another one. */
  ownerUrl?: string | undefined
  /** What passwords are derived from: every node has it, and the database does not. */
  key: KeyObject
}

/**
 * Signs requests and background work in with logins that own nothing and can become nobody else, made here where that may be done. Otherwise
 * they take their role under the given login. Each is checked as it is in force.
 */
export async function openAccesses({ url, ownerUrl, key }: LoginOptions): Promise<Accesses> {
  const given = parseDatabaseUrl(url)
  const owner = ownerUrl === undefined ? given : parseDatabaseUrl(ownerUrl)
  const pooler = await findPooler(given)
  const advices: string[] = []
  const own = async (role: Role, place: DatabaseTarget) => {
    const access = await ownLogin({ role, place, pooled: place === given, owner, key })
    if (typeof access !== 'string') return access
    advices.push(access)
    return await takenRole(role, owner, access)
  }
  const app = given.user === owner.user ? await own('stewrd_app', given) : await givenLogin(given)
  const worker = await own('stewrd_worker', ownerUrl === undefined ? given : owner)
  return { app, worker, pooler, advice: advices[0] }
}

/** Names are of the whole server, and every database has logins of its own. */
export const loginName = (role: Role, database: string) =>
  `${role}_${createHash('sha256').update(database).digest('hex').slice(0, 8)}`

type OwnLogin = { role: Role; place: DatabaseTarget; pooled: boolean; owner: DatabaseTarget; key: KeyObject }

/** A login of our own; or why there is none. Most starts find it as it was left. */
async function ownLogin({ role, place, pooled, owner, key }: OwnLogin): Promise<Access | string> {
  const name = loginName(role, owner.database)
  const { password, verifier } = databaseLogin(key, name)
  const access: Access = { target: { ...place, user: name, password: password.reveal() }, role: null, pooled }
  if ((await trySession(access, role)) === undefined) return access
  const refused = await makeLogin(owner, { name, role, verifier })
  if (refused) return refused
  const why = await trySession(access, role)
  if (why === undefined) return access
  return `The login ${name} was made and cannot be used here (${why}). ${ELSEWHERE}`
}

// Any fixed number but those of other locks.
const LOCK = 7_391_846_206

const ELSEWHERE =
  'Let pg_hba.conf, or the user list of the pooler (or its auth_query), know it; or set DATABASE_URL to a login of your own that has the role stewrd_app alone, and STEWRD_DATABASE_OWNER_URL to the owner’s.'

async function makeLogin(owner: DatabaseTarget, login: { name: string; role: Role; verifier: string }) {
  const sql = connect(owner, { max: 1, role: null, waitSeconds: 30, applicationName: 'stewrd-logins' })
  const { name, role, verifier } = login
  try {
    await sql.begin(async (tx) => {
      // Nodes that start at once do so one after the other.
      await tx`select pg_advisory_xact_lock(${LOCK})`
      const [found] = await tx`select from pg_roles where rolname = ${name}`
      // Statements may be logged: the verifier signs nobody in.
      const begin = found
        ? `alter role "${name}" login password`
        : `create role "${name}" login in role ${role} password`
      await tx.unsafe(`${begin} '${verifier}'`)
      for (const statement of settingsStatements(name, owner.database)) await tx.unsafe(statement)
    })
    return undefined
  } catch (error) {
    if (codeOf(error) !== '42501') throw dbError(error)
    return (
      `The login "${owner.user}" may not make logins, so the server works under it, with roles that it could leave. ` +
      `Let an administrator run: alter role "${owner.user}" createrole; grant stewrd_app, stewrd_worker to "${owner.user}" with admin option`
    )
  } finally {
    await disconnect(sql)
  }
}

/** A login that an operator made for requests, beside the owner's. */
async function givenLogin(target: DatabaseTarget): Promise<Access> {
  const access: Access = { target, role: null, pooled: true }
  const why = await trySession(access, 'stewrd_app')
  if (why === undefined) return access
  throw new DatabaseUnfit(`The login "${target.user}" of DATABASE_URL cannot be used for requests: ${why}.`)
}

/** The role taken under the login that there is. A pooler refuses that, or takes it for whoever comes next. */
async function takenRole(role: Role, owner: DatabaseTarget, advice: string): Promise<Access> {
  const access: Access = { target: owner, role, pooled: true }
  const why = await trySession(access, role)
  if (why === undefined) return access
  throw new DatabaseUnfit(`${advice} Under "${access.target.user}" the server cannot work either: ${why}.`)
}

/** Undefined when a session signs in and is as it must be; otherwise why not. Outages are thrown. */
async function trySession({ target, role }: Access, wanted: Role): Promise<string | undefined> {
  for (let attempt = 0; ; attempt++) {
    const sql = connect(target, { max: 1, role, waitSeconds: 30, applicationName: 'stewrd-check' })
    try {
      const problem = await checkSession(sql, { wanted, own: role === null, mends: attempt === 0 })
      if (problem !== 'again') return problem
    } catch (error) {
      const refusal = refusalOf(codeOf(error))
      if (refusal === undefined) throw dbError(error)
      return refusal
    } finally {
      await disconnect(sql, 1)
    }
  }
}

const refusals: Record<string, string> = {
  '28000': 'the server refuses it',
  '28P01': 'the server refuses its password',
  '42501': 'it may not connect',
  '08P01': 'a connection pooler refuses it, or the settings that it starts with',
  '22023': 'it may not take its role',
  '42704': 'it may not take its role',
}
const refusalOf = (code: string | undefined) => (code === undefined ? undefined : refusals[code])

function codeOf(error: unknown): string | undefined {
  if (!(error instanceof Error)) return undefined
  return 'code' in error && typeof error.code === 'string' ? error.code : undefined
}
