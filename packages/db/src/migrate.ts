import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { checkFacts, readFacts } from './check-database.ts'
import type { Sql, Tx } from './connect.ts'
import { connect, disconnect } from './connect.ts'
import { parseDatabaseUrl } from './database-url.ts'
import { run } from './db-error.ts'
import { findPooler } from './pooler.ts'
import { ensureRoles } from './role.ts'

const directory = new URL('../migrations/', import.meta.url)
// Any fixed number: two starts at once migrate one after the other.
const LOCK = 7_391_846_205

export type MigrateOptions = { onProgress?: (name: string, nth: number, total: number) => void }

/**
 * Brings the schema up to date as the owner of the database: all that is pending, or nothing. Returns what it applied.
 * Throws `DatabaseUnfit` before the first table.
 */
export async function migrate(url: string, { onProgress }: MigrateOptions = {}): Promise<{ applied: string[] }> {
  const target = parseDatabaseUrl(url)
  await findPooler(target)
  // Where the number of connections is limited, one becomes free when others rest.
  const sql = connect(target, { max: 1, role: null, applicationName: 'stewrd-migrate', waitSeconds: 30 })
  try {
    checkFacts(await readFacts(sql), { creates: true })
    await ensureRoles(sql)
    // The lock ends with the transaction: through a pooler, the next statement would run on another connection than the one that holds it.
    const applied = await run(
      sql.begin(async (tx) => {
        await tx`set local statement_timeout = 0`
        await tx`select pg_advisory_xact_lock(${LOCK})`
        const pending = await pendingMigrations(tx)
        for (const [i, migration] of pending.entries()) {
          onProgress?.(migration.name, i + 1, pending.length)
          await applyOne(tx, migration)
        }
        return pending.map((m) => m.name)
      }),
    )
    return { applied }
  } finally {
    await disconnect(sql)
  }
}

type Migration = { name: string; text: string; sha256: string }

/** Those of `names` that this program does not have, or has with another text: what was made with them needs a newer program. */
export async function unknownMigrations(names: readonly Omit<Migration, 'text'>[]): Promise<string[]> {
  const known = new Set((await readMigrations()).map(({ name, sha256 }) => `${name} ${sha256}`))
  return names.filter(({ name, sha256 }) => !known.has(`${name} ${sha256}`)).map(({ name }) => name)
}

/** Makes the schema that these migrations make, in an empty database, as a part of the caller's transaction. */
export async function applyWithin(tx: Tx, names: readonly Omit<Migration, 'text'>[]): Promise<void> {
  const wanted = new Set(names.map(({ name }) => name))
  await run(makeTable(tx))
  await run(tx`grant select on migrations to stewrd_app`)
  for (const migration of await readMigrations()) if (wanted.has(migration.name)) await run(applyOne(tx, migration))
}

const makeTable = (sql: Sql | Tx) =>
  sql.unsafe(
    'create table if not exists migrations (name text primary key, sha256 text not null, applied_at timestamptz not null default now())',
  )

async function pendingMigrations(tx: Tx): Promise<Migration[]> {
  await makeTable(tx)
  await tx`grant select on migrations to stewrd_app`
  const rows = await tx<{ name: string; sha256: string }[]>`select name, sha256 from migrations`
  const done = new Map(rows.map((m) => [m.name, m.sha256]))
  const all = await readMigrations()
  const edited = all.find((m) => done.has(m.name) && done.get(m.name) !== m.sha256)
  if (edited)
    throw new Error(`The migration ${edited.name} was changed after it ran here. Restore the file, and add a new one.`)
  return all.filter((m) => !done.has(m.name))
}

/** Every migration that this program has, in order. */
export async function readMigrations(): Promise<Migration[]> {
  const names = (await readdir(directory)).filter((name) => /^\d{4}_.*\.sql$/.test(name)).sort()
  return Promise.all(
    names.map(async (name) => {
      const text = await readFile(new URL(name, directory), 'utf8')
      return { name, text, sha256: createHash('sha256').update(text).digest('hex') }
    }),
  )
}

async function applyOne(tx: Tx, { name, text, sha256 }: Migration): Promise<void> {
  await tx.unsafe(text)
  await tx`insert into migrations (name, sha256) values (${name}, ${sha256})`
}
