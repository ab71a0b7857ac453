import type { WebhookRow } from '@stewrd/core/webhooks/webhooks.projection.ts'
import type { Sql } from '../connect.ts'
import { run } from '../db-error.ts'

/** Projects in use whose webhook has something that comes with time: an overlap that is over by `now` (unix ms), or a wish for `key.overdue` or `credits.low`. */
export async function webhookRowsDue(sql: Sql, accountId: string, now: number): Promise<WebhookRow[]> {
  const rows = await run(sql<{ row: WebhookRow }[]>`
    select r.row from projections p join view_rows r using (view, slot)
    where p.view = 'webhooks' and r.view = 'webhooks' and r.account_id = ${accountId}
      and ((r.row ->> 'overlapUntil')::bigint <= ${now} or r.row -> 'events' ?| '{key.overdue,credits.low}')
      and exists (
        select from projections q join view_rows o using (view, slot)
        where q.view = 'projects' and o.view = 'projects' and o.account_id = r.account_id and o.key = r.key
          and o.row ->> 'status' = 'active')`)
  return rows.map(({ row }) => row)
}
