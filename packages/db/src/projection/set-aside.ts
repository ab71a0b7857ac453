import type { Sql, Tx } from '../connect.ts'
import { DbError, run } from '../db-error.ts'
import type { Entry } from '../record.ts'
import type { Folded, RowWrite, Target } from './fold.ts'
import { rowName, rowStates } from './fold.ts'
import type { RefusedRow, Writes } from './write.ts'
import { tryRows } from './write.ts'

/** 22: a value that cannot be stored; 23: a constraint; 54: too large or too deep. It is the fault of the rows, and not of the database. */
export const refusesRows = (error: unknown): error is DbError =>
  error instanceof DbError && /^(22|23|54)/.test(error.code)

/**
 * Sorts out what the database refused to write of one view: which rows, from which event on. Each is written as it was before that event; all
 * others as they are. `refused` is empty when the rows are not what it refused.
 */
export async function sortOut(
  db: Sql | Tx,
  { target, to }: Folded,
  entries: readonly Entry[],
  writes: readonly RowWrite[],
): Promise<Required<Writes>> {
  const refused = await refusedAmong(db, writes)
  const batch = entries.filter(({ index }) => index < to)
  const taken = writes.filter((write) => !refused.some((one) => one.write === write))
  const rows: RefusedRow[] = []
  for (const one of refused) {
    const { row, before } = await lastTaken(db, target, batch, one)
    rows.push(row)
    if (before) taken.push(before)
  }
  return { writes: taken, refused: rows }
}

/** The rows of a slot that are set aside. */
export async function setAsideIn(db: Sql | Tx, view: string, slot: number): Promise<ReadonlySet<string>> {
  const rows = await run(db<{ accountId: string; key: string }[]>`
    select account_id as "accountId", key from set_aside_rows where view = ${view} and slot = ${slot}`)
  return new Set(rows.map(({ accountId, key }) => rowName(accountId, key)))
}

type Refused = { write: RowWrite; code: string }

async function refusedAmong(db: Sql | Tx, writes: readonly RowWrite[]): Promise<Refused[]> {
  const code = writes.length === 0 ? undefined : await refusalOf(db, writes)
  if (code === undefined) return []
  if (writes.length === 1) return writes.map((write) => ({ write, code }))
  const half = Math.ceil(writes.length / 2)
  return [...(await refusedAmong(db, writes.slice(0, half))), ...(await refusedAmong(db, writes.slice(half)))]
}

/** Goes through the events of one row again. `before` is absent when its first change of the batch is refused: then it stays as it is. */
async function lastTaken(
  db: Sql | Tx,
  target: Target,
  batch: readonly Entry[],
  { write, code: last }: Refused,
): Promise<{ row: RefusedRow; before: RowWrite | undefined }> {
  const { view, slot, accountId, key, projectId } = write
  const name = { view, slot, accountId, key, projectId }
  let before: RowWrite | undefined
  let index = target.checkpoint
  for await (const state of rowStates(db, target, batch, name)) {
    index = state.index
    const code = await refusalOf(db, [state.write])
    if (code !== undefined) return { row: { ...name, index, code }, before }
    before = state.write
  }
  return { row: { ...name, index, code: last }, before: undefined }
}

const UNDONE = Symbol('rolled back')

/** The SQLSTATE with which the database refuses these rows; undefined when it takes them. Nothing is kept. */
async function refusalOf(db: Sql | Tx, writes: readonly RowWrite[]): Promise<string | undefined> {
  const trial = async (tx: Tx) => {
    await tryRows(tx, writes)
    throw UNDONE
  }
  try {
    await run('savepoint' in db ? db.savepoint(trial) : db.begin(trial))
  } catch (error) {
    if (refusesRows(error)) return error.code
    if (error !== UNDONE) throw error
  }
  return undefined
}
