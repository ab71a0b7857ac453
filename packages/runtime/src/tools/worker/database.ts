import { constants, DatabaseSync } from 'node:sqlite'
import { beginningOf } from '@stewrd/core/kernel/cut.ts'
import type { ColumnSummary, TableSummary } from './jobs.ts'
import { JobRefused } from './jobs.ts'
import type { Cell } from './numbers.ts'
import { columnType } from './numbers.ts'
import type { Table } from './tables.ts'
import { uniqueNames } from './tables.ts'

const HEAP_BYTES = 512 * 1024 * 1024
const SAMPLE_ROWS = 5
/** SQLite gives at most 2,000 columns; of each column there are six figures. */
const FIGURES_AT_ONCE = 300
/** Characters of a cell that are shown. */
const SHOWN = 200

/** A cell of a result: a whole number that a double does not hold is its digits. */
export type Shown = string | number | null

/** Reading is allowed, and nothing else: no file is attached, nothing is written, no setting changed. */
const allowed: readonly number[] = [
  constants.SQLITE_SELECT,
  constants.SQLITE_READ,
  constants.SQLITE_FUNCTION,
  constants.SQLITE_RECURSIVE,
]

/** The tables in a database in memory, which from then on can be read only. */
export function openTables(tables: readonly Table[]): DatabaseSync {
  const database = new DatabaseSync(':memory:', { allowExtension: false, enableDoubleQuotedStringLiterals: false })
  database.exec(`pragma hard_heap_limit = ${HEAP_BYTES}; pragma temp_store = memory; pragma trusted_schema = off`)
  for (const { name, columns, rows } of tables) {
    const typed = columns.map((column, i) => `${quoted(column)} ${columnType(rows, i)}`)
    database.exec(`create table ${quoted(name)} (${typed.join(', ')})`)
    const insert = database.prepare(`insert into ${quoted(name)} values (${columns.map(() => '?').join(', ')})`)
    database.exec('begin')
    for (const row of rows) insert.run(...row)
    database.exec('commit')
  }
  database.setAuthorizer((action) => (allowed.includes(action) ? constants.SQLITE_OK : constants.SQLITE_DENY))
  return database
}

/** The rows of one SELECT. What is wrong with it is said as SQLite says it, which names columns and no values. */
export function select(database: DatabaseSync, sql: string, most: number): { columns: string[]; rows: Shown[][] } {
  try {
    const statement = database.prepare(sql)
    statement.setReturnArrays(true)
    statement.setReadBigInts(true)
    const columns = statement.columns().map(({ name }) => name)
    if (columns.length === 0) throw new JobRefused('Only a SELECT can be run.')
    const rows: Shown[][] = []
    for (const row of statement.iterate() as Iterable<unknown>) {
      if (rows.length >= most) throw new JobRefused(`The result has more than ${most} rows. Ask for fewer.`)
      rows.push((row as (Cell | Uint8Array)[]).map(cellOf))
    }
    return { columns: uniqueNames(columns), rows }
  } catch (error) {
    if (error instanceof JobRefused || !(error instanceof Error)) throw error
    const denied = error.message === 'not authorized' || error.message.endsWith('is prohibited')
    throw new JobRefused(
      denied ? 'Only a SELECT over these tables can be run.' : `The query is wrong: ${error.message}.`,
    )
  }
}

export function summaryOf(database: DatabaseSync, { name, file, note, columns, rows }: Table): TableSummary {
  const figures: Shown[] = []
  for (let first = 0; first < columns.length; first += FIGURES_AT_ONCE) {
    const some = columns.slice(first, first + FIGURES_AT_ONCE).map((column) => figuresOf(quoted(column)))
    figures.push(...(select(database, `select ${some.join(', ')} from ${quoted(name)}`, 1).rows[0] ?? []))
  }
  return {
    table: name,
    file,
    ...(note === null ? {} : { note }),
    rows: rows.length,
    columns: columns.map((column, i): ColumnSummary => {
      const [filled, distinct, min, max, numbers, whole] = figures.slice(i * 6, i * 6 + 6)
      const type = numbers !== filled || filled === 0 ? 'text' : whole === filled ? 'integer' : 'number'
      return {
        name: column,
        type,
        empty: rows.length - Number(filled),
        distinct: Number(distinct),
        min: shown(min),
        max: shown(max),
      }
    }),
    sample: rows.slice(0, SAMPLE_ROWS).map((row) => row.map((cell) => shown(cellOf(cell)))),
  }
}

const figuresOf = (column: string) =>
  [
    `count(${column})`,
    `count(distinct ${column})`,
    `min(${column})`,
    `max(${column})`,
    `count(case when typeof(${column}) in ('integer', 'real') then 1 end)`,
    `count(case when typeof(${column}) in ('integer', 'real') and ${column} = cast(${column} as integer) then 1 end)`,
  ].join(', ')

/** As much of a cell as is shown. */
export const shown = (cell: Shown | undefined): Shown =>
  typeof cell === 'string' && cell.length > SHOWN ? `${beginningOf(cell, SHOWN)}…` : (cell ?? null)

function cellOf(cell: Cell | Uint8Array): Shown {
  if (typeof cell === 'bigint') return Number.isSafeInteger(Number(cell)) ? Number(cell) : String(cell)
  return cell instanceof Uint8Array ? Buffer.from(cell).toString('hex') : cell
}

const quoted = (name: string) => `"${name.replaceAll('"', '""')}"`
