import type { Sql, Tx } from '../connect.ts'
import type { Folded, RowWrite } from './fold.ts'
import { rowText } from './row-text.ts'

/** A row that the database refuses (SQLSTATE `code`) from the event at `index` of the log on. */
export type RefusedRow = Pick<RowWrite, 'view' | 'slot' | 'accountId' | 'key' | 'projectId'> & {
  index: number
  code: string
}
export type Writes = { writes: readonly RowWrite[]; refused?: readonly RefusedRow[] }

/**
 * Writes rows and checkpoints in one statement, if the lease still has `epoch`. A view whose slot or checkpoint is not what was
 * folded from gets neither. Returns the views that advanced; none when the lease is lost.
 */
export function writeFolded(sql: Sql, epoch: number, folded: readonly Folded[], { writes, refused = [] }: Writes) {
  const name = (f: Folded) => f.target.view.projection.name
  const advanced = sql`join advanced using (view, slot)`
  // What a crash of the database loses here is folded again: no need to wait for the disk.
  return sql<{ view: string }[]>`
    with fence as materialized (
      select epoch from leases where name = 'projector' and epoch = ${epoch} for update
    ), advanced as (
      update projections p set checkpoint = f.upto, updated_at = now(),
        status = case when f.error = '' then 'live' else 'quarantined' end, error = nullif(f.error, '')
      from unnest(${folded.map(name)}::text[], ${folded.map((f) => f.target.slot)}::smallint[],
        ${folded.map((f) => f.target.checkpoint)}::bigint[], ${folded.map((f) => f.to)}::bigint[],
        ${folded.map((f) => f.error ?? '')}::text[]) as f(view, slot, since, upto, error)
      where p.view = f.view and p.slot = f.slot and p.checkpoint = f.since and exists (select from fence)
      returning p.view, p.slot
    ), ${rowCtes(sql, writes, advanced)} ${refusedCte(sql, refused, advanced)}
    select view, set_config('synchronous_commit', 'off', true) from advanced`
}

/** Writes rows of a slot that nobody reads yet, under the lease of whoever builds it. No row comes back when that is lost. */
export function writeRows(sql: Sql | Tx, lease: { name: string; epoch: number }, { writes, refused = [] }: Writes) {
  const fenced = sql`cross join fence`
  return sql`
    with fence as materialized (
      select epoch from leases where name = ${lease.name} and epoch = ${lease.epoch} for update
    ), ${rowCtes(sql, writes, fenced)} ${refusedCte(sql, refused, fenced)}
    select set_config('synchronous_commit', 'off', true) from fence`
}

/** The same rows without a lease, for a transaction that is rolled back: does the database take them? */
export const tryRows = (tx: Tx, writes: readonly RowWrite[]) => tx`with ${rowCtes(tx, writes, tx``)} select`

type Fragment = ReturnType<typeof fragment>
const fragment = (sql: Sql | Tx) => sql``

function rowCtes(sql: Sql | Tx, writes: readonly RowWrite[], only: Fragment) {
  return sql`
    change as materialized (
      select w.* from unnest(${writes.map((w) => w.accountId)}::uuid[], ${writes.map((w) => w.view)}::text[],
        ${writes.map((w) => w.slot)}::smallint[], ${writes.map((w) => w.key)}::text[], ${writes.map((w) => w.projectId)}::uuid[],
        ${writes.map((w) => w.sort)}::bigint[], ${writes.map((w) => (w.row ? rowText(w.row) : ''))}::text[])
        as w(account_id, view, slot, key, project_id, sort, row) ${only}
    ), gone as (
      delete from view_rows v using change c
      where c.row = '' and (v.account_id, v.view, v.slot, v.key) = (c.account_id, c.view, c.slot, c.key)
    ), kept as (
      insert into view_rows (account_id, view, slot, key, project_id, sort, row)
      select account_id, view, slot, key, project_id, sort, row::jsonb from change where change.row <> ''
      on conflict (account_id, view, slot, key) do update
        set row = excluded.row, sort = excluded.sort, project_id = excluded.project_id
    )`
}

function refusedCte(sql: Sql | Tx, refused: readonly RefusedRow[], only: Fragment) {
  if (refused.length === 0) return sql``
  return sql`, set_aside as (
      insert into set_aside_rows (account_id, view, slot, key, project_id, idx, code)
      select r.account_id, r.view, r.slot, r.key, r.project_id, r.idx, r.code
      from unnest(${refused.map((r) => r.accountId)}::uuid[], ${refused.map((r) => r.view)}::text[],
        ${refused.map((r) => r.slot)}::smallint[], ${refused.map((r) => r.key)}::text[], ${refused.map((r) => r.projectId)}::uuid[],
        ${refused.map((r) => r.index)}::bigint[], ${refused.map((r) => r.code)}::text[])
        as r(account_id, view, slot, key, project_id, idx, code) ${only}
      on conflict do nothing
    )`
}
