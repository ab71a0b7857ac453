import { GENESIS } from '@stewrd/crypto/chain.ts'
import type { Sql } from '../connect.ts'
import { run } from '../db-error.ts'
import type { LoggedRow } from '../record.ts'
import { eventColumns } from '../record.ts'
import { scoped, wholeAccount } from '../scope.ts'
import { plainArray } from '../sql-array.ts'
import { LogDamaged } from './nodes.ts'

/** A sealed event at its place in the log, with the chain of its stream before it. */
export type ProofRow = LoggedRow & { previous: Buffer }

/** A project's part of the log: `from` is included, `to` is not. */
export type ProjectRange = { accountId: string; projectId: string; from: number; to: number }

/** Places looked up at once; few enough to hold, many enough to look seldom. */
const PLACES = 20_000
/** Events held at once. One can be large: a run brings files. */
const ROWS = 64

/**
 * A project's events with places from `from` to before `to`, and those at the places `also`, by stream (in the order of its bytes) and seq.
 * Memory stays flat.
 */
export async function* proofRows(
  sql: Sql,
  range: ProjectRange,
  also: readonly number[] = [],
): AsyncGenerator<ProofRow[]> {
  let after = { stream: '', seq: 0 }
  for (;;) {
    const places = await placesAfter(sql, range, also, after)
    for (let i = 0; i < places.length; i += ROWS)
      yield await readProofRows(
        sql,
        range.accountId,
        places.slice(i, i + ROWS).map(({ idx }) => idx),
      )
    const last = places.at(-1)
    if (!last || places.length < PLACES) return
    after = last
  }
}

/** The first place that a project has in this range. */
export async function firstPlace(
  sql: Sql,
  { accountId, projectId, from, to }: ProjectRange,
): Promise<number | undefined> {
  const [row] = await run(sql<{ idx: number }[]>`
    select idx from log where account_id = ${accountId} and project_id = ${projectId} and idx >= ${from} and idx < ${to}
    order by idx limit 1`)
  return row?.idx
}

type Project = Pick<ProjectRange, 'accountId' | 'projectId'>

/** The place of a project's first event at `time` (unix milliseconds) or after; the size of the log when there is none. */
export async function firstPlaceAt(sql: Sql, { accountId, projectId }: Project, time: number): Promise<number> {
  const [row] = await run(sql<{ idx: number }[]>`
    select coalesce((select min(idx) from log
      where account_id = ${accountId} and project_id = ${projectId} and at >= ${new Date(time)}), size) as idx from log_state`)
  return row!.idx
}

/** The place after a project's last event before `time`; 0 when there is none. */
export async function endPlaceBefore(sql: Sql, { accountId, projectId }: Project, time: number): Promise<number> {
  const [row] = await run(sql<{ idx: number }[]>`
    select coalesce(max(idx) + 1, 0) as idx from log
    where account_id = ${accountId} and project_id = ${projectId} and at < ${new Date(time)}`)
  return row!.idx
}

type Place = { idx: number; stream: string; seq: number }

function placesAfter(
  sql: Sql,
  { accountId, projectId, from, to }: ProjectRange,
  also: readonly number[],
  after: { stream: string; seq: number },
): Promise<Place[]> {
  return run(sql<Place[]>`
    select idx, stream, seq from log
    where account_id = ${accountId}
      and (project_id = ${projectId} and idx >= ${from} and idx < ${to} or idx = any(${plainArray(also)}::bigint[]))
      and (stream collate "C", seq) > (${after.stream}, ${after.seq})
    order by stream collate "C", seq limit ${PLACES}`)
}

/** The places of a stream's events from revision `from` to revision `to`, both included, as far as they are in the log. */
export async function placesOf(
  sql: Sql,
  { accountId, stream }: { accountId: string; stream: string },
  { from, to }: { from: number; to: number },
): Promise<number[]> {
  const rows = await run(sql<{ idx: number }[]>`
    select idx from log where account_id = ${accountId} and stream = ${stream} and seq between ${from} and ${to} order by seq`)
  return rows.map(({ idx }) => idx)
}

/** The account's events at these places, in the order asked for. Throws LogDamaged for a place without its event, or one before it that is gone. */
export async function readProofRows(sql: Sql, accountId: string, places: readonly number[]): Promise<ProofRow[]> {
  const statement = sql<(LoggedRow & { previous: Buffer | null })[]>`
    select l.idx, ${eventColumns(sql)}, p.chain as previous
    from unnest(${plainArray(places)}::bigint[]) with ordinality as wanted(idx, nth)
    join log l on l.idx = wanted.idx join events e using (account_id, stream, seq)
    left join events p on p.account_id = e.account_id and p.stream = e.stream and p.seq = e.seq - 1
    order by wanted.nth`
  const rows = await run(scoped(statement, wholeAccount(accountId)))
  return places.map((idx, i) => {
    const row = rows[i]
    const previous = row?.seq === 1 ? GENESIS : row?.previous
    if (row?.idx === idx && previous) return { ...row, previous }
    throw new LogDamaged('LOG_ENTRY_MISSING', `Entry ${idx} of the log names an event that is missing, or follows one.`)
  })
}
