import type { Sql, Tx } from '../connect.ts'
import type { Folded, RowWrite } from './fold.ts'

/**
 * Writes rows and checkpoints in one statement, if the lease still has `epoch`. A view whose slot or checkpoint is not what was
 * folded from gets neither. Returns the views that advanced; none when the lease is lost.
 */
export function writeFolded(sql: Sql, epoch: number, folded: readonly Folded[], writes: readonly RowWrite[]) {
  const name = (f: Folded) => f.target.view.projection.name
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
      where p.view = f.view and p.slot = f.slot and p.checkpoint = f.since and p.status = 'live' and exists (select from fence)
      returning p.view, p.slot
    ), ${rowCtes(sql, writes, sql`join advanced using (view, slot)`)}
    select view, set_config('synchronous_commit', 'off', true) from advanced`
}

/** Writes rows of a slot that nobody reads yet, under the lease of whoever builds it. No row comes back when that is lost. */
export function writeRows(sql: Sql | Tx, lease: { name: string; epoch: number }, writes: readonly RowWrite[]) {
  return sql`
    with fence as materialized (
      select epoch from leases where name = ${lease.name} and epoch = ${lease.epoch} for update
    ), ${rowCtes(sql, writes, sql`cross join fence`)}
    select set_config('synchronous_commit', 'off', true) from fence`
}

type Fragment = ReturnType<typeof fragment>
const fragment = (sql: Sql | Tx) => sql``

function rowCtes(sql: Sql | Tx, writes: readonly RowWrite[], only: Fragment) {
  return sql`
    change as materialized (
      select w.* from unnest(${writes.map((w) => w.accountId)}::uuid[], ${writes.map((w) => w.view)}::text[],
        ${writes.map((w) => w.slot)}::smallint[], ${writes.map((w) => w.key)}::text[], ${writes.map((w) => w.projectId)}::uuid[],
        ${writes.map((w) => w.sort)}::bigint[], ${writes.map((w) => (w.row ? JSON.stringify(w.row) : ''))}::text[])
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
