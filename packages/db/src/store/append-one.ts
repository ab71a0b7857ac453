import type { Sql } from '../connect.ts'
import { runWithin } from '../db-error.ts'
import { plainArray } from '../sql-array.ts'
import type { SealedRecord, Unit } from './append.ts'

/** More are rare, and each count of events is a statement of its own. */
const MOST_EVENTS = 4

/** A few events of one stream, without look-ups and tolls: most of what is ever appended, and what a person or a run waits for. */
export const isOneStream = (units: readonly Unit[]): units is readonly [Unit] =>
  units.length === 1 &&
  units[0]!.records.length <= MOST_EVENTS &&
  units[0]!.lookups.length === 0 &&
  !asksToll(units[0]!)

const asksToll = ({ credits, limits }: Unit) => credits.length > 0 || limits !== undefined

/** What `append` does, in a statement that is made for this case. False: nothing was written, and `append` tells why. */
export async function appendOne(sql: Sql, { id, from, to, guards, ...unit }: Unit): Promise<boolean> {
  const { accountId, projectId, stream } = id
  const rows = await runWithin(sql`
    with ${guards.length > 0 ? heldGuards(sql, accountId, guards) : sql`held as (select 1)`}
    , head as (
      insert into heads as h (account_id, stream, project_id, seq, chain, from_seq, from_chain, state_version, snapshot, snapshot_dek)
      select ${accountId}::uuid, ${stream}::text, ${projectId}::uuid, ${to.seq}::bigint, ${to.chain}::bytea, ${from.seq}::bigint,
        ${from.chain}::bytea, ${unit.stateVersion}::int, ${unit.snapshot}::bytea, ${unit.snapshotDek}::uuid from held
      on conflict (account_id, stream) do update set
        seq = excluded.seq, chain = excluded.chain, from_seq = excluded.from_seq, from_chain = excluded.from_chain,
        state_version = excluded.state_version, snapshot = excluded.snapshot, snapshot_dek = excluded.snapshot_dek
        where h.seq = excluded.from_seq and h.chain = excluded.from_chain
      returning account_id, stream, project_id, ${refuseHeadless(sql)} as ok
    ), recorded as (
      insert into events (account_id, stream, project_id, seq, event_id, type, version, dek_id, at, actor,
        commitment, command_id, n, command_mac, envelope, chain)
      select account_id, stream, project_id, e.* from head cross join (${eventValues(sql, unit.records)}) e
    ), queued as (
      insert into outbox (account_id, stream, seq)
      select account_id, stream, seq from head cross join generate_series(${from.seq + 1}::bigint, ${to.seq}::bigint) as seq order by seq
    )
    select ok from head`)
  return rows.length > 0
}

function eventValues(sql: Sql, records: readonly SealedRecord[]) {
  const row = ({ header: h, envelope, chain }: SealedRecord) => sql`
    select ${h.seq}::bigint, ${h.eventId}::uuid, ${h.type}::text, ${h.version}::int, ${h.dekId}::uuid, ${new Date(h.at)}::timestamptz,
      ${h.actor}::text, ${h.commitment}::bytea, ${h.commandId}::text, ${h.n}::int, ${h.commandMac}::bytea, ${envelope}::bytea,
      ${chain}::bytea`
  return records.slice(1).reduce((rows, record) => sql`${rows} union all ${row(record)}`, row(records[0]!))
}

/**
 * Of a head that was swapped or begun: 1. One that was inserted although the stream has events is an error of the statement, and nothing is
 * written: the row that was remembered is gone.
 */
export const refuseHeadless = (sql: Sql) => sql`1 / case when h.xmax::text = '0' and h.from_seq > 0 then 0 else 1 end`

/** A row if every guarded head is where it must be; each is share-locked to the end of the statement. */
function heldGuards(sql: Sql, accountId: string, guards: Unit['guards']) {
  const streams = guards.map((g) => g.stream)
  return sql`
    locked as materialized (
      select h.stream, h.seq from heads h where h.account_id = ${accountId}::uuid and h.stream = any(${streams}::text[])
      order by h.stream for share of h
    ), held as materialized (
      select from (
        select count(*) as held from unnest(${streams}::text[], ${plainArray(guards.map((g) => g.revision))}::bigint[]) as g(stream, revision)
        join locked l on l.stream = g.stream and l.seq = g.revision
      ) c where c.held = ${guards.length}::int
    )`
}
