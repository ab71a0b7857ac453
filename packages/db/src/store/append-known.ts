import type { Sql } from '../connect.ts'
import { runWithin } from '../db-error.ts'
import { scoped } from '../scope.ts'
import type { Unit } from './append.ts'
import { recordRows, scopeOfUnits, unitRows } from './append-rows.ts'
import { rowTypes } from './row-types.ts'

/** Streams that have events already, and nothing else to write or to hold: what most appends under load are. */
export const areKnown = (units: readonly Unit[]) =>
  units.every(
    ({ from, guards, lookups, credits, limits }) =>
      from.seq > 0 && guards.length + lookups.length + credits.length === 0 && limits === undefined,
  )

// Heads that are known are swapped: an insert that may find its row looks for it, locks it, and is then the same swap. What comes back is one row, or none when all was written.
const TEXT = `
  with head as (
    update heads h set seq = u.seq, chain = u.chain, from_seq = u.from_seq, from_chain = u.from_chain,
      state_version = u.state_version, snapshot = u.snapshot, snapshot_dek = u.snapshot_dek
    from unnest($1::append_unit[]) u
    where h.account_id = any(array[u.account_id]) and h.stream = any(array[u.stream]) and h.project_id = u.project_id
      and h.seq = u.from_seq and h.chain = u.from_chain
    returning u.nth, h.account_id, h.stream, h.project_id
  ), recorded as (
    insert into events (account_id, stream, project_id, seq, event_id, type, version, dek_id, at, actor,
      commitment, command_id, n, command_mac, envelope, chain)
    select h.account_id, h.stream, h.project_id, r.seq, r.event_id, r.type, r.version, r.dek_id, r.at, r.actor,
      r.commitment, r.command_id, r.n, r.command_mac, r.envelope, r.chain
    from unnest($2::append_record[]) r join head h using (nth)
    returning account_id, stream, seq
  ), queued as (
    insert into outbox (account_id, stream, seq) select account_id, stream, seq from recorded
  )
  select coalesce(array_agg(nth), '{}') as written from head having count(*) < $3::int`

/** What `append` does, in a statement that is made for this case: the numbers of those whose head was another one. */
export async function appendKnown(sql: Sql, units: readonly Unit[]): Promise<readonly number[]> {
  const types = await rowTypes(sql)
  const values = [unitRows(types.unit, units, []), recordRows(types.record, units), units.length]
  const typed = values.map((value) => sql.typed(value as never, 0))
  const statement = sql.unsafe<{ written: number[] }[]>(TEXT, typed, { prepare: true })
  const [short] = await runWithin(scoped(statement, scopeOfUnits(units)))
  return short ? units.flatMap((_, nth) => (short.written.includes(nth) ? [] : [nth])) : []
}
