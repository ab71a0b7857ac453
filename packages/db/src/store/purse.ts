import { FREE_CREDITS } from '@stewrd/core/credits/month.ts'
import type { CreditMove } from '@stewrd/core/kernel/execute.ts'
import type { Sql } from '../connect.ts'
import { plainArray } from '../sql-array.ts'
import type { Unit } from './append.ts'

type Asked = CreditMove & { nth: number; unit: Unit }

export const creditsAsked = (units: readonly Unit[]): Asked[] =>
  units.flatMap((unit, nth) => unit.credits.map((move) => ({ ...move, nth, unit })))

/**
 * Locks the balance, before anything else that the statement locks, and says in `unpaid` which units the account cannot pay for. The lock
 * holds to the commit, so what is read here is true then.
 */
export function purseCtes(sql: Sql, asked: readonly Asked[]) {
  return sql`
    , credit_ask as materialized (
      select * from unnest(${plainArray(asked.map((a) => a.nth))}::int[], ${plainArray(asked.map((a) => a.unit.id.accountId))}::uuid[],
        ${plainArray(asked.map((a) => a.unit.id.projectId))}::uuid[], ${asked.map((a) => a.kind)}::text[],
        ${plainArray(asked.map((a) => ('runId' in a ? a.runId : 'null')))}::uuid[],
        ${plainArray(asked.map((a) => ('amount' in a ? a.amount : 0)))}::bigint[])
        as a(nth, account_id, project_id, kind, run_id, amount)
    ), locked_purse as materialized (
      select account_id, last, month, free, paid from credit_balances
      where account_id in (select account_id from credit_ask) order by account_id for update
    ), purse as materialized (
      select account_id, coalesce(last, 0) as last, free as free_was, paid, today as month, today > month as renewed,
        case when today > month then ${FREE_CREDITS}::bigint else free end as free
      from locked_purse,
        lateral (select greatest(month, date_trunc('month', clock_timestamp() at time zone 'utc')::date) as today) t
    )`
}

/** Which of the asking units the account cannot pay, in their order; `turnedAway` are not counted. A reservation needs a purse, an end does not. */
export const unpaidCte = (sql: Sql, { limited }: { limited: boolean }) => sql`
    , unpaid as materialized (
      select nth from (
        select a.nth, a.kind, a.amount, p.free + p.paid as left, sum(a.amount) filter (where a.kind = 'reserve' and a.amount <= p.free + p.paid
          ${limited ? sql`and a.nth not in (select nth from over)` : sql``}) over (partition by a.account_id order by a.nth) as needed
        from credit_ask a left join purse p using (account_id)
      ) a where (kind = 'reserve' and greatest(needed, amount) > "left") or ("left" is null and kind not in ('settle', 'refund'))
    )`

/**
 * Books what the appended units asked for, and what a new month brings and takes. `moved`: one row an entry, with the balance after it.
 * Ends come before reservations, so that the free credits that they give back are spent first.
 */
export const bookCtes = (sql: Sql) => sql`
    , landed as (
      select a.nth, a.account_id, a.project_id, a.kind, a.run_id, p.month,
        case when a.kind = 'reserve' then a.amount else 0 end as cost,
        case when a.kind = 'refund' and r.month = p.month then r.free_before - r.free_after else 0 end as free_back,
        case a.kind when 'refund' then r.paid_before - r.paid_after when 'grant' then a.amount when 'purchase' then a.amount else 0 end as paid_back
      from credit_ask a join unit using (nth) join head on head.account_id = unit.account_id and head.stream = unit.stream
      join purse p on p.account_id = a.account_id
      left join credit_entries r on r.account_id = a.account_id and r.run_id = a.run_id and r.kind = 'reserve' and r.project_id = a.project_id
      where a.kind not in ('settle', 'refund') or (r.nth is not null and not exists (
        select from credit_entries e where e.account_id = a.account_id and e.run_id = a.run_id and e.kind in ('settle', 'refund')))
    ), summed as (
      select l.*, p.free + sum(free_back) over turn as free_up, p.paid + sum(paid_back) over turn as paid_up, sum(cost) over turn as down,
        row_number() over turn as place
      from landed l join purse p using (account_id)
      window turn as (partition by account_id order by (kind = 'reserve'), nth rows unbounded preceding)
    ), left_over as (
      select account_id, 1 + place as place, nth, kind, project_id, run_id, month,
        greatest(free_up - down, 0) as free, paid_up - greatest(down - free_up, 0) as paid
      from summed
      union all
      select account_id, turn.place, null, turn.kind, null, null, month, turn.free, paid
      from purse, lateral (values (0, 'free_expired', 0::bigint, free_was > 0), (1, 'free_month', free, true)) as turn(place, kind, free, due)
      where renewed and turn.due and account_id in (select account_id from landed)
    ), moved as materialized (
      select l.account_id, p.last + row_number() over past as entry, l.nth, l.kind, l.month, l.project_id, l.run_id,
        lag(l.free, 1, p.free_was::numeric) over past as free_before, lag(l.paid, 1, p.paid::numeric) over past as paid_before,
        l.free as free_after, l.paid as paid_after
      from left_over l join purse p using (account_id) window past as (partition by l.account_id order by l.place)
    ), booked as (
      insert into credit_entries (account_id, nth, follows, kind, month, project_id, run_id, free_before, paid_before, free_after, paid_after)
      select account_id, entry, nullif(entry - 1, 0), kind, month, project_id, run_id, free_before, paid_before, free_after, paid_after
      from moved
    ), balanced as (
      update credit_balances b set last = m.entry, month = m.month, free = m.free_after, paid = m.paid_after
      from (select distinct on (account_id) * from moved order by account_id, entry desc) m where b.account_id = m.account_id
    ), rest as (
      select account_id, free_after + paid_after as credits
      from (select distinct on (account_id) * from moved order by account_id, entry desc) m
      union all select account_id, free + paid from purse where account_id not in (select account_id from moved)
    )`
