import type { HeldKeysRow } from '@stewrd/core/audit/held-keys.projection.ts'
import { heldKeysView } from '@stewrd/core/audit/held-keys.projection.ts'
import type { Sql } from './connect.ts'
import { run } from './db-error.ts'

/** Projects that hold a key which is to be destroyed by `now` (unix ms), the most urgent first. */
export async function dueHeldKeys(sql: Sql, accountId: string, now: number, limit = 100): Promise<HeldKeysRow[]> {
  const found = await run(sql<{ row: HeldKeysRow }[]>`
    select r.row from projections p join view_rows r using (view, slot)
    where p.view = ${heldKeysView.name} and r.view = 'held-keys' and r.account_id = ${accountId}
      and r.row ->> 'dueAt' is not null and (r.row ->> 'dueAt')::bigint <= ${now}
    order by (r.row ->> 'dueAt')::bigint limit ${limit}`)
  return found.map(({ row }) => row)
}
