import type { Tx } from '../connect.ts'
import { connect, disconnect } from '../connect.ts'
import { endEarly } from '../copy-binary.ts'
import { dbError, run } from '../db-error.ts'
import { inOrder } from './table-order.ts'

export type TableShape = { name: string; columns: string[]; rows: number }
export type SequenceShape = { name: string; value: number }
/** A master key that something depends on: its canary tells whether a key of that name is the same one. */
export type MasterKeyNeeded = { id: string; version: number; projects: number; canary: Buffer | null }

/** The key that a deployment derives its own keys from, as it is stored: wrapped under a master key. */
export type WrappedDeploymentKey = { id: string; epoch: number; kekId: string; kekVersion: number; wrapped: Buffer }

/** What a database held at one moment. `takenAt`: unix milliseconds. Tables stand in the order in which they can be filled. */
export type SnapshotShape = {
  takenAt: number
  server: string
  migrations: { name: string; sha256: string }[]
  tables: TableShape[]
  sequences: SequenceShape[]
  masterKeys: MasterKeyNeeded[]
  deploymentKey: WrappedDeploymentKey | null
  /** Entries of the log, and of its tree. */
  log: { size: number; hashed: number; checkpoint: { size: number; at: number } | null }
}

/** The bytes of a table, as `copy … (format binary)` gives them; about one chunk a row. */
export type ReadTable = (table: TableShape) => AsyncIterable<Buffer>

/** Who is here now, who was signed in, and who tried to: nothing of it is true after a restore. */
const LEFT_OUT = ['nodes', 'auth_sessions', 'auth_throttle', 'auth_verifications']

/** Reads all of a database as it was at one moment, while others write. Changes nothing, and asks for no master key. */
export async function readSnapshot<T>(
  url: string,
  work: (shape: SnapshotShape, read: ReadTable) => Promise<T>,
): Promise<T> {
  const sql = connect(url, { max: 1, role: null, applicationName: 'stewrd-backup' })
  try {
    // Not awaited through `run`: what `work` throws is its own.
    const done = await sql.begin('isolation level repeatable read read only', async (tx) => {
      await run(tx`set local statement_timeout = 0`)
      return { value: await work(await run(shapeOf(tx)), (table) => bytesOf(tx, table)) }
    })
    return done.value
  } finally {
    await disconnect(sql)
  }
}

async function* bytesOf(tx: Tx, table: TableShape): AsyncGenerator<Buffer> {
  const copy = tx.unsafe(`copy ${tableAndColumns(table)} to stdout (format binary)`)
  try {
    const stream = await copy.readable()
    try {
      yield* stream.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>
    } finally {
      if (!stream.readableEnded) await endEarly(stream, copy)
    }
  } catch (error) {
    throw dbError(error)
  }
}

async function shapeOf(tx: Tx): Promise<SnapshotShape> {
  const [moment] = await tx<{ at: Date; server: string }[]>`
    select now() as at, current_setting('server_version') as server`
  const tables = await tablesOf(tx)
  if (!tables.some(({ name }) => name === 'log_state')) throw new Error('There is nothing of Stewrd in this database.')
  const migrations = await tx<{ name: string; sha256: string }[]>`select name, sha256 from migrations order by name`
  const sequences = await tx<SequenceShape[]>`
    select sequencename as name, last_value as value from pg_sequences
    where schemaname = 'public' and last_value is not null order by 1`
  const masterKeys = await tx<MasterKeyNeeded[]>`
    select d.kek_id as id, d.kek_version as version, m.canary, count(distinct d.scope)
      filter (where d.scope <> 'deployment' and d.scope <> d.account_id::text)::int as projects
    from data_keys d left join master_keys m using (kek_id, kek_version) group by 1, 2, 3 order by 1, 2`
  const [deploymentKey = null] = await tx<WrappedDeploymentKey[]>`
    select id, epoch, kek_id as "kekId", kek_version as "kekVersion", wrapped from data_keys
    where purpose = 'deployment' and retired_at is null`
  return {
    takenAt: moment!.at.getTime(),
    server: moment!.server,
    migrations: [...migrations],
    tables,
    sequences: [...sequences],
    masterKeys: [...masterKeys],
    deploymentKey,
    log: await logOf(tx),
  }
}

async function logOf(tx: Tx): Promise<SnapshotShape['log']> {
  const [sizes] = await tx<{ size: number; hashed: number }[]>`
    select l.size, t.size as hashed from log_state l, tree_state t`
  const [last] = await tx<{ size: number; at: Date }[]>`select size, at from checkpoints order by size desc limit 1`
  return { ...sizes!, checkpoint: last ? { size: last.size, at: last.at.getTime() } : null }
}

async function tablesOf(tx: Tx): Promise<TableShape[]> {
  const found = await tx<{ name: string; columns: string[]; refers: string[] }[]>`
    select c.relname as name, array_agg(a.attname::text order by a.attnum) as columns,
      array(select distinct f.confrelid::regclass::text from pg_constraint f
        where f.contype = 'f' and f.conrelid = c.oid and f.confrelid <> c.oid) as refers
    from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
    where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' and c.relname <> 'migrations'
    group by c.oid, c.relname order by 1`
  const tables: TableShape[] = []
  for (const { name, columns } of inOrder(found.filter((t) => !LEFT_OUT.includes(t.name)))) {
    const [count] = await tx.unsafe<{ rows: number }[]>(`select count(*) as rows from ${tableName({ name })}`)
    tables.push({ name, columns, rows: count!.rows })
  }
  return tables
}

const ident = (name: string) => `"${name.replaceAll('"', '""')}"`

/** Of Stewrd's own schema, whatever the name says: a backup's header is not to be trusted with others. */
export const tableName = ({ name }: Pick<TableShape, 'name'>) => `public.${ident(name)}`
export const tableAndColumns = (table: TableShape) => `${tableName(table)} (${table.columns.map(ident).join(', ')})`
