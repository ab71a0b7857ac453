import type { CreditMove, Guard, Limits, Lookup, Meters, StreamId } from '@stewrd/core/kernel/execute.ts'
import type { EventHeader } from '@stewrd/crypto/envelope.ts'
import type { Sql } from '../connect.ts'
import { DbError, runWithin } from '../db-error.ts'
import { scoped } from '../scope.ts'
import { plainArray } from '../sql-array.ts'
import { appendOne, isOneStream } from './append-one.ts'
import { appendKnown, areKnown } from './append-known.ts'
import type { NumberedGuard } from './append-rows.ts'
import { nameOf, recordRows, scopeOfUnits, unitRows } from './append-rows.ts'
import { forgetRowTypes, rowTypes, TYPE_MISMATCH } from './row-types.ts'
import type { TollFailure, TollRow } from './tolls.ts'
import { metersOf, tollFailure, tollParts } from './tolls.ts'

export type SealedRecord = { header: EventHeader; envelope: Buffer; chain: Buffer }

/** What one stream gains: `from` is the head that was decided against, `to` the head afterwards. */
export type Unit = {
  id: StreamId
  from: { seq: number; chain: Buffer }
  to: { seq: number; chain: Buffer }
  stateVersion: number
  snapshot: Buffer
  snapshotDek: string
  records: readonly SealedRecord[]
  guards: readonly Guard[]
  lookups: readonly Lookup[]
  credits: readonly CreditMove[]
  limits: Limits | undefined
}

/** Why a unit was not written. `missing` guards have no head row yet, so nothing can be locked. */
export type Failure = { kind: 'head' } | { kind: 'guard'; moved: string[]; missing: string[] } | TollFailure

/** By position: what was not written, and how credits and limits stand for what asked for them. */
export type Appended = { failures: ReadonlyMap<number, Failure>; meters: ReadonlyMap<number, Meters> }

/**
 * Appends many units in one statement, each wholly or not at all: with its events, look-ups, credits and place under limits. They come in
 * the order in which their heads are to be locked.
 * Units with guards must not share a call with units that write what others guard.
 */
export async function append(sql: Sql, units: readonly Unit[]): Promise<Appended> {
  if (isOneStream(units) && (await appendOne(sql, units[0]))) return allWritten
  if (areKnown(units)) {
    const moved = await orForget(sql, appendKnown(sql, units))
    return moved.length === 0
      ? allWritten
      : { failures: new Map(moved.map((nth) => [nth, headMoved])), meters: new Map() }
  }
  const guards = distinctGuards(units)
  const lookups = units.flatMap(({ id, lookups }) => lookups.map((lookup) => ({ id, ...lookup })))
  // Every insert reads from `head`, and `head` has no row where somebody else has moved on: no transaction to leave open.
  // Locks are taken in one order (balance, meters, guards, heads, each sorted, heads as the units are), so that two statements cannot wait for each other.
  const toll = tollParts(sql, units)
  const types = await rowTypes(sql)
  const statement = sql<Row[]>`
    with unit as materialized (select * from unnest(${sql.typed(unitRows(types.unit, units, guards), 0)}::append_unit[]))
    ${toll ? toll.before : sql``}
    ${guards.length > 0 ? guardCtes(sql, guards, toll !== undefined) : sql``}
    , head as (
      insert into heads as h (account_id, stream, project_id, seq, chain, from_seq, from_chain, state_version, snapshot, snapshot_dek)
      select account_id, stream, project_id, seq, chain, from_seq, from_chain, state_version, snapshot, snapshot_dek
      from unit u
      where true
        ${guards.length > 0 ? sql`and u.guards <@ (select nths from held)` : sql``}
        ${toll ? sql`and u.nth not in (select nth from refused)` : sql``}
      order by nth
      on conflict (account_id, stream) do update set
        seq = excluded.seq, chain = excluded.chain, from_seq = excluded.from_seq, from_chain = excluded.from_chain,
        state_version = excluded.state_version, snapshot = excluded.snapshot, snapshot_dek = excluded.snapshot_dek
        where h.seq = excluded.from_seq and h.chain = excluded.from_chain and h.project_id = excluded.project_id
      returning account_id, stream, ${refuseHeadless(sql)} as ok
    ), event as materialized (
      select u.account_id, u.stream, u.project_id, r.* from head join unit u using (account_id, stream)
      join unnest(${sql.typed(recordRows(types.record, units), 0)}::append_record[]) r using (nth) order by nth, r.seq
    ), recorded as (
      insert into events (account_id, stream, project_id, seq, event_id, type, version, dek_id, at, actor,
        commitment, command_id, n, command_mac, envelope, chain)
      select account_id, stream, project_id, seq, event_id, type, version, dek_id, at, actor,
        commitment, command_id, n, command_mac, envelope, chain from event
    ), queued as (
      insert into outbox (account_id, stream, seq) select account_id, stream, seq from event
    )
    ${lookups.length > 0 ? lookupCtes(sql, lookups) : sql``}
    ${toll ? toll.after : sql``}
    select nth, null::int as guard, null::bigint as seq, null::jsonb as toll from unit u
    where not exists (select from head where head.account_id = u.account_id and head.stream = u.stream)
    ${guards.length > 0 ? sql`union all select null, nth, seq, null from guard where seq is distinct from revision` : sql``}
    ${toll ? toll.rows : sql``}`
  const rows = await orForget(sql, runWithin(scoped(statement, scopeOfUnits(units))))
  return rows.length === 0 ? allWritten : outcomeOf(units, guards, rows)
}

async function orForget<T>(sql: Sql, rows: Promise<T>): Promise<T> {
  try {
    return await rows
  } catch (error) {
    if (error instanceof DbError && error.code === TYPE_MISMATCH) forgetRowTypes(sql)
    throw error
  }
}

/**
 * Of a head that was swapped or begun: 1. One that was inserted although the stream has events is an error of the statement, and nothing is
 * written: the row that was remembered is gone.
 */
const refuseHeadless = (sql: Sql) => sql`1 / case when h.xmax::text = '0' and h.from_seq > 0 then 0 else 1 end`

type Row = { nth: number | null; guard: number | null; seq: number | null; toll: TollRow | null }

const allWritten: Appended = { failures: new Map(), meters: new Map() }

function outcomeOf(units: readonly Unit[], guards: readonly NumberedGuard[], rows: readonly Row[]): Appended {
  const failures = failuresOf(
    units,
    guards,
    rows.filter((r) => !r.toll),
  )
  const meters = new Map<number, Meters>()
  for (const { nth, toll } of rows) {
    if (nth === null || !toll) continue
    const failure = failures.get(nth)
    if (!failure) meters.set(nth, metersOf(units[nth]!, toll))
    // A guard that moved says more: what is asked for may be another thing now.
    else if (failure.kind === 'head') failures.set(nth, tollFailure(units[nth]!, toll))
  }
  return { failures, meters }
}

function distinctGuards(units: readonly Unit[]): NumberedGuard[] {
  const found = new Map<string, NumberedGuard>()
  for (const { id, guards } of units)
    for (const guard of guards) {
      const { accountId, projectId } = id
      const name = nameOf(id, guard)
      if (!found.has(name)) found.set(name, { ...guard, accountId, projectId, nth: found.size })
    }
  return [...found.values()]
}

function failuresOf(
  units: readonly Unit[],
  guards: readonly NumberedGuard[],
  rows: readonly Row[],
): Map<number, Failure> {
  const broken = new Map(
    rows.filter((r) => r.guard !== null).map((r) => [nameOf(guards[r.guard!]!, guards[r.guard!]!), r.seq]),
  )
  const failures = new Map<number, Failure>()
  for (const { nth } of rows) {
    if (nth === null) continue
    const { id, guards } = units[nth]!
    const bad = guards.filter((g) => broken.has(nameOf(id, g)))
    const missing = bad.filter((g) => g.revision === 0 && broken.get(nameOf(id, g)) === null)
    const moved = bad.filter((g) => !missing.includes(g)).map((g) => g.stream)
    const kind = bad.length > 0 ? ({ kind: 'guard', moved, missing: missing.map((g) => g.stream) } as const) : headMoved
    failures.set(nth, kind)
  }
  return failures
}

const headMoved = { kind: 'head' } as const

/** A guarded head of the unit's own project is share-locked to the end of the statement: whoever writes it comes wholly before or wholly after. */
function guardCtes(sql: Sql, guards: readonly NumberedGuard[], afterTolls: boolean) {
  return sql`
    , locked as materialized (
      select h.account_id, h.stream, h.project_id, h.seq from heads h
      where (h.account_id, h.stream) in (
        select * from unnest(${plainArray(guards.map((g) => g.accountId))}::uuid[], ${guards.map((g) => g.stream)}::text[]))
        ${afterTolls ? sql`and (select count(*) from refused) >= 0` : sql``}
      order by h.account_id, h.stream for share of h
    ), guard as materialized (
      select g.nth, g.revision, l.seq
      from unnest(${plainArray(guards.map((g) => g.nth))}::int[], ${plainArray(guards.map((g) => g.accountId))}::uuid[],
        ${guards.map((g) => g.stream)}::text[], ${plainArray(guards.map((g) => g.projectId))}::uuid[],
        ${plainArray(guards.map((g) => g.revision))}::bigint[])
        as g(nth, account_id, stream, project_id, revision)
      left join locked l using (account_id, stream, project_id)
    ), held as (
      select coalesce(array_agg(nth) filter (where seq = revision), '{}') as nths from guard
    )`
}

function lookupCtes(sql: Sql, lookups: readonly (Lookup & { id: StreamId })[]) {
  return sql`
    , lookup as materialized (
      select l.* from head join unnest(${lookups.map((l) => l.op)}::text[], ${lookups.map((l) => l.hash)}::text[],
        ${plainArray(lookups.map((l) => l.id.accountId))}::uuid[], ${lookups.map((l) => l.id.stream)}::text[],
        ${plainArray(lookups.map((l) => l.id.projectId))}::uuid[]) as l(op, hash, account_id, stream, project_id)
        using (account_id, stream)
    ), dropped as (
      delete from lookups l using lookup
      where l.hash = lookup.hash and l.account_id = lookup.account_id and l.project_id = lookup.project_id and lookup.op = 'delete'
    ), put as (
      insert into lookups (hash, account_id, project_id)
      select hash, account_id, project_id from lookup where op = 'put' on conflict (hash) do nothing
    )`
}
