import type { Sql } from '../connect.ts'
import { run } from '../db-error.ts'

export type UsageBy = 'model' | 'key' | 'project'
/** Times are unix milliseconds; `to` is not in it. */
export type UsageFilter = { projectId?: string | undefined; from: number; to: number }
/** `costNanoUsd`: of the runs whose cost is known; `unpriced`: how many of the others used tokens. */
export type UsageSums = { runs: number; failed: number; tokens: number; costNanoUsd: number; unpriced: number }
/** `at`: when the bucket begins. `group`: a model, a fingerprint (or where the key came from), or a project's id. */
export type UsageBucket = UsageSums & { at: number; group: string }

/** Runs by when they began, in buckets of `bucketMs` (UTC), from the view of runs. */
export async function usageOverTime(
  sql: Sql,
  accountId: string,
  { by, bucketMs, ...filter }: UsageFilter & { by: UsageBy; bucketMs: number },
): Promise<UsageBucket[]> {
  return run(sql<UsageBucket[]>`
    select (v.started / ${bucketMs}::bigint) * ${bucketMs}::bigint as at, v.${sql(by)} as "group", ${sums(sql)}
    from ${runsIn(sql, accountId, filter)} v
    group by 1, 2 order by 1, 2`)
}

/** Sums by configuration revision, for each project. */
export async function usageByRevision(
  sql: Sql,
  accountId: string,
  filter: UsageFilter,
): Promise<(UsageSums & { projectId: string; revision: number })[]> {
  return run(sql<(UsageSums & { projectId: string; revision: number })[]>`
    select v.project as "projectId", v.revision, ${sums(sql)}
    from ${runsIn(sql, accountId, filter)} v
    where v.source = 'project' group by 1, 2 order by 1, 2`)
}

const sums = (sql: Sql) => sql`
  count(*)::int as runs,
  (count(*) filter (where v.status = 'failed'))::int as failed,
  coalesce(sum(v.tokens), 0)::bigint as tokens,
  coalesce(sum(v.cost), 0)::bigint as "costNanoUsd",
  (count(*) filter (where v.cost is null and v.tokens > 0))::int as unpriced`

/** Rows are found by their place in the log, which a binary search finds by time: what came before is not read. */
const runsIn = (sql: Sql, accountId: string, { projectId, from, to }: UsageFilter) => sql`(
  with recursive place (low, high) as (
    select 0::bigint, size from log_state
    union all
    select case when l.at < ${new Date(from - CLOCKS_MS)} then p.mid + 1 else p.low end,
           case when l.at < ${new Date(from - CLOCKS_MS)} then p.high else p.mid end
    from (select low, high, (low + high) / 2 as mid from place) p join log l on l.idx = p.mid
    where p.low < p.high
  ), found as materialized (select low from place where low >= high limit 1)
  select (r.row ->> 'startedAt')::bigint as started, r.row ->> 'model' as model, r.row ->> 'keySource' as source,
    coalesce(r.row ->> 'keyFingerprint', r.row ->> 'keySource') as key, r.project_id::text as project,
    (r.row ->> 'configRevision')::int as revision, r.row ->> 'status' as status,
    (r.row ->> 'tokens')::bigint as tokens, (r.row ->> 'costNanoUsd')::bigint as cost
  from projections p join view_rows r using (view, slot)
  where p.view = 'runs' and r.account_id = ${accountId}
    ${projectId === undefined ? sql`` : sql`and r.project_id = ${projectId}`}
    and r.sort >= (select low from found)
    and (r.row ->> 'startedAt')::bigint >= ${from} and (r.row ->> 'startedAt')::bigint < ${to})`

/** Servers whose clocks differ by less than this agree on the order of the log. */
const CLOCKS_MS = 60_000
