import type { Writable } from 'node:stream'
import { setImmediate } from 'node:timers/promises'
import type { Tx } from '../connect.ts'
import { connect, disconnect } from '../connect.ts'
import { DbError, dbError, run } from '../db-error.ts'
import { applyWithin } from '../migrate.ts'
import { ensureRoles } from '../role.ts'
import type { SnapshotShape, TableShape } from './snapshot.ts'
import { tableAndColumns, tableName } from './snapshot.ts'

/** What a backup's header says of its tables. */
type LoadedShape = Omit<SnapshotShape, 'deploymentKey'>

/** A piece of a table; the pieces of one follow each other, and tables come in the order of the shape. */
export type TablePart = { table: string; bytes: Uint8Array }

/** Tables or rows are there already, and nothing was changed. */
export class DatabaseNotEmpty extends Error {
  override readonly name = 'DatabaseNotEmpty'
  constructor(tables: number) {
    super(
      `The database is not empty: it has ${tables} ${tables === 1 ? 'table' : 'tables'}. Restore into an empty one; nothing was changed.`,
    )
  }
}

/** A table does not hold as many rows as the backup says. Nothing was changed. */
export class RowsMissing extends Error {
  override readonly name = 'RowsMissing'
  constructor({ name, rows }: TableShape, found: number) {
    super(`The table ${name} has ${found} rows after the restore, and had ${rows}. Nothing was changed.`)
  }
}

/** What the backup holds are not rows of that table. Nothing was changed. */
export class RowsRefused extends Error {
  override readonly name = 'RowsRefused'
  constructor({ name }: TableShape) {
    super(`The database does not take the rows of the table ${name}. Nothing was changed.`)
  }
}

export async function refuseUnlessEmpty(url: string): Promise<void> {
  const sql = connect(url, { max: 1, role: null, applicationName: 'stewrd-restore' })
  try {
    await run(sql.begin((tx) => empty(tx)))
  } finally {
    await disconnect(sql)
  }
}

async function empty(tx: Tx): Promise<void> {
  const [found] = await tx<{ count: number }[]>`
    select count(*) from pg_class where relnamespace = 'public'::regnamespace and relkind in ('r', 'p', 'v', 'm')`
  if (found!.count > 0) throw new DatabaseNotEmpty(found!.count)
}

/** Makes an empty database what the snapshot was, with the schema of its migrations. In one transaction: all of it, or nothing. */
export async function loadSnapshot(url: string, shape: LoadedShape, parts: AsyncIterable<TablePart>): Promise<void> {
  const sql = connect(url, { max: 1, role: null, applicationName: 'stewrd-restore' })
  try {
    await ensureRoles(sql)
    await sql.begin(async (tx) => {
      await tx`set local statement_timeout = 0`
      await empty(tx)
      await applyWithin(tx, shape.migrations)
      await run(tx.unsafe(`truncate ${shape.tables.map(tableName).join(', ')} cascade`))
      await unbound(tx, () => fill(tx, shape, parts))
      for (const { name, value } of shape.sequences) await run(tx`select setval(${name}::regclass, ${value})`)
      for (const table of shape.tables) await checkCount(tx, table)
    })
  } catch (error) {
    throw error instanceof Error && error.name === 'PostgresError' ? dbError(error) : error
  } finally {
    await disconnect(sql)
  }
}

/** Rows cannot be copied into a table whose policies bind its owner too: until they are in, they do not. */
async function unbound(tx: Tx, work: () => Promise<void>): Promise<void> {
  const forced = await tx<{ name: string }[]>`
    select relname as name from pg_class where relnamespace = 'public'::regnamespace and relforcerowsecurity`
  for (const table of forced) await tx.unsafe(`alter table ${tableName(table)} no force row level security`)
  await work()
  for (const table of forced) await tx.unsafe(`alter table ${tableName(table)} force row level security`)
}

async function fill(tx: Tx, { tables }: LoadedShape, parts: AsyncIterable<TablePart>): Promise<void> {
  const source = parts[Symbol.asyncIterator]()
  let next = await source.next()
  async function* of(table: string): AsyncGenerator<Uint8Array> {
    while (!next.done && next.value.table === table) {
      yield next.value.bytes
      next = await source.next()
    }
  }
  for (const table of tables) {
    if (next.done || next.value.table !== table.name) continue
    await copyIn(tx, table, of(table.name))
  }
  if (!next.done) throw new Error(`The backup has a table ${next.value.table} out of its place.`)
}

async function copyIn(tx: Tx, table: TableShape, parts: AsyncIterable<Uint8Array>): Promise<void> {
  const stream = await tx.unsafe(`copy ${tableAndColumns(table)} from stdin (format binary)`).writable()
  // Each write says by itself that it failed.
  stream.on('error', () => {})
  try {
    for await (const bytes of parts) await written(stream, bytes)
  } catch (error) {
    stream.destroy(error instanceof Error ? error : undefined)
    throw dbError(error)
  }
  stream.end()
  // What Postgres refuses at the end of the data, the driver tells nobody: the transaction has failed, and says so to the next statement.
  await setImmediate()
  await run(tx`select 1`).catch((error: unknown) => {
    throw error instanceof DbError ? new RowsRefused(table) : error
  })
}

const written = (stream: Writable, bytes: Uint8Array) =>
  new Promise<void>((resolve, reject) => {
    stream.write(bytes, (error) => (error ? reject(error) : resolve()))
  })

async function checkCount(tx: Tx, table: TableShape): Promise<void> {
  const [found] = await run(tx.unsafe<{ rows: number }[]>(`select count(*) as rows from ${tableName(table)}`))
  if (found!.rows !== table.rows) throw new RowsMissing(table, found!.rows)
}
