import type { Sql } from './connect.ts'
import { run } from './db-error.ts'

/** A database that Stewrd cannot work in. The message says what to change; nothing was written. */
export class DatabaseUnfit extends Error {
  override readonly name = 'DatabaseUnfit'
}

const OLDEST = { number: 150_000, name: '15' }

export type DatabaseFacts = {
  /** As Postgres names it, such as `18.4`. */
  version: string
  versionNumber: number
  encoding: string
  database: string
  login: string
  /** Where an unqualified `create table` goes; null: nowhere. */
  schema: string | null
  mayCreate: boolean
  standby: boolean
  readOnly: boolean
}

/** What the server says of itself and of this login. */
export async function readFacts(sql: Sql): Promise<DatabaseFacts> {
  const [facts] = await run(sql<[DatabaseFacts]>`
    select current_setting('server_version') as version, current_setting('server_version_num')::int as "versionNumber",
      current_setting('server_encoding') as encoding, current_database()::text as database, current_user::text as login,
      current_schema()::text as schema,
      coalesce(has_schema_privilege(to_regnamespace('public'), 'create'), false) as "mayCreate",
      pg_is_in_recovery() as standby, current_setting('transaction_read_only') = 'on' as "readOnly"`)
  return facts
}

/** Throws `DatabaseUnfit` for the first thing that would fail later. `creates`: this login is about to make tables. */
export function checkFacts(facts: DatabaseFacts, { creates }: { creates: boolean }): void {
  const problem = problemOf(facts) ?? (creates && !facts.mayCreate ? mayNotCreate(facts) : undefined)
  if (problem) throw new DatabaseUnfit(problem)
}

function problemOf({ version, versionNumber, encoding, database, login, schema, standby, readOnly }: DatabaseFacts) {
  const names = { database: quoted(database), login: quoted(login) }
  if (versionNumber < OLDEST.number)
    return `The server is Postgres ${version}, and Stewrd needs ${OLDEST.name} or later. Upgrade it, or set DATABASE_URL to another server.`
  if (encoding !== 'UTF8')
    return `The database ${names.database} has the encoding ${encoding}, which cannot hold every text. Use a database made with: create database NAME encoding 'UTF8' template template0`
  if (standby)
    return 'The server is a standby, which takes no changes. Set DATABASE_URL to the primary, or name all hosts and add target_session_attrs=primary.'
  if (readOnly)
    return `The login ${names.login} may only read (default_transaction_read_only is on). Turn that off for it, or set DATABASE_URL to another login.`
  if (schema !== 'public')
    return `The login ${names.login} works in the schema ${schema === null ? 'of no name' : quoted(schema)}, and Stewrd keeps its tables in "public". Run: alter role ${names.login} in database ${names.database} set search_path = public`
  return undefined
}

const mayNotCreate = ({ login, database }: DatabaseFacts) =>
  `The login ${quoted(login)} may not make tables in the database ${quoted(database)}. Let an administrator run there: grant create on schema public to ${quoted(login)}`

const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`
