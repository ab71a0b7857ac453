import type { Limits } from '@stewrd/core/kernel/execute.ts'
import type { Sql } from '../connect.ts'
import { plainArray } from '../sql-array.ts'
import type { Unit } from './append.ts'

type Asked = Limits & { nth: number; unit: Unit }

export const limitsAsked = (units: readonly Unit[]): Asked[] =>
  units.flatMap((unit, nth) => (unit.limits ? [{ ...unit.limits, nth, unit }] : []))

/**
 * Locks the meters of the projects, after the purse and before guards and heads, and says in `over` which units are beyond a limit.
 * A second counts for 60 whole seconds after its end: in no 60 seconds, wherever they begin, more than the limit is let through. The clock
 * is the database's, read when the lock is held, so that servers need not agree on the time.
 */
export function meterCtes(sql: Sql, asked: readonly Asked[], { paying }: { paying: boolean }) {
  const ended = [...new Set(asked.flatMap((a) => a.endedBy))]
  return sql`
    , limit_ask as materialized (
      select *, row_number() over (partition by account_id, project_id order by nth) as place
      from unnest(${plainArray(asked.map((a) => a.nth))}::int[], ${plainArray(asked.map((a) => a.unit.id.accountId))}::uuid[],
        ${plainArray(asked.map((a) => a.unit.id.projectId))}::uuid[], ${asked.map((a) => a.unit.id.stream)}::text[],
        ${plainArray(asked.map((a) => a.perMinute ?? 'null'))}::int[], ${plainArray(asked.map((a) => a.atOnce ?? 'null'))}::int[])
        as a(nth, account_id, project_id, stream, per_minute, at_once)
    ), locked_meter as materialized (
      select m.* from run_meters m
      where (m.account_id, m.project_id) in (select account_id, project_id from limit_ask)
        ${paying ? sql`and (select count(*) from purse) >= 0` : sql``}
      order by m.account_id, m.project_id for update
    ), meter as materialized (
      select m.account_id, m.project_id, t.now, w.seconds, w.counts, w.used, o.open
      from locked_meter m
      join (
        select account_id, project_id, count(*) as asked, max(at_once) as at_once from limit_ask group by 1, 2
      ) a using (account_id, project_id),
      lateral (
        select greatest(floor(extract(epoch from clock_timestamp()))::bigint, (select max(s) from unnest(m.seconds) as s)) as now
      ) t,
      lateral (
        select coalesce(array_agg(s order by s), '{}') as seconds, coalesce(array_agg(c order by s), '{}') as counts, coalesce(sum(c), 0)::int as used
        from (
          select s, sum(c)::int as c from unnest(m.seconds, m.counts) as u(s, c) where s >= t.now - 60 group by s
        ) c
      ) w,
      lateral (
        select case when a.at_once is null then '{}' when cardinality(m.open) + a.asked <= a.at_once then m.open else array(
          select s from unnest(m.open) as s
          where not exists (
            select from events e where e.account_id = m.account_id and e.stream = s and e.type = any(${ended}::text[])))
        end as open
      ) o
    ), over as materialized (
      select a.nth, m.used + a.place > a.per_minute as by_rate
      from limit_ask a left join meter m using (account_id, project_id)
      where m.used is null or m.used + a.place > a.per_minute or cardinality(m.open) + a.place > a.at_once
    )`
}

/** Counts the units that were appended. `metered`: how each project's meter stands afterwards. */
export const countCtes = (sql: Sql) => sql`
    , metered as materialized (
      select m.account_id, m.project_id, m.now, m.seconds, m.counts, m.open, m.used + coalesce(b.begun, 0) as used, coalesce(b.begun, 0) as begun,
        coalesce(b.streams, '{}') as streams
      from meter m left join (
        select a.account_id, a.project_id, count(*)::int as begun, array_agg(a.stream) filter (where a.at_once is not null) as streams
        from limit_ask a join head on head.account_id = a.account_id and head.stream = a.stream group by 1, 2
      ) b using (account_id, project_id)
    ), counted as (
      update run_meters r set seconds = m.seconds || m.now, counts = m.counts || m.begun, open = m.open || m.streams
      from metered m where r.account_id = m.account_id and r.project_id = m.project_id and m.begun > 0
    )`
