import { FREE_CREDITS } from '@stewrd/core/credits/month.ts'
import type { Sql } from '../connect.ts'
import { run } from '../db-error.ts'

export type CreditKind = 'grant' | 'purchase' | 'free_month' | 'free_expired' | 'reserve' | 'settle' | 'refund'
/** `amount` is what the entry added (negative: took); `balance` what there was after it. `at`: unix milliseconds. */
export type CreditEntry = {
  nth: number
  at: number
  kind: CreditKind
  projectId: string | null
  runId: string | null
  amount: number
  balance: number
}
/** As it would be spent now. `renewsAt`: when the next free credits come, unix milliseconds. */
export type CreditBalance = { free: number; paid: number; total: number; renewsAt: number }

/** What an account has. In a month that nothing was spent in yet, its free credits are there although no entry says so. */
export async function creditBalance(sql: Sql, accountId: string): Promise<CreditBalance> {
  const [row] = await run(sql<{ free: number; paid: number; renews_at: Date }[]>`
    with today as (select date_trunc('month', now() at time zone 'utc') as month)
    select case when b.month >= today.month then b.free else ${FREE_CREDITS}::bigint end as free, coalesce(b.paid, 0) as paid,
      (today.month + interval '1 month') at time zone 'utc' as renews_at
    from today left join credit_balances b on b.account_id = ${accountId}`)
  const { free, paid, renews_at } = row!
  return { free, paid, total: free + paid, renewsAt: renews_at.getTime() }
}

/** The newest first; `before` asks for those before that entry. */
export async function creditEntries(
  sql: Sql,
  accountId: string,
  { before, limit }: { before?: number | undefined; limit: number },
): Promise<CreditEntry[]> {
  const rows = await run(sql<(Omit<CreditEntry, 'at'> & { at: Date })[]>`
    select nth, at, kind, project_id as "projectId", run_id as "runId",
      (free_after - free_before) + (paid_after - paid_before) as amount, free_after + paid_after as balance
    from credit_entries where account_id = ${accountId} ${before === undefined ? sql`` : sql`and nth < ${before}`}
    order by nth desc limit ${limit}`)
  return rows.map((row) => ({ ...row, at: row.at.getTime() }))
}

/** The number of the newest entry that gave the account something; 0 before the first. */
export async function lastGiven(sql: Sql, accountId: string): Promise<number> {
  const [row] = await run(sql<{ nth: number }[]>`
    select nth from credit_entries
    where account_id = ${accountId} and kind in ('grant', 'purchase', 'free_month') order by nth desc limit 1`)
  return row?.nth ?? 0
}
