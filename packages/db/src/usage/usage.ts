import type { Sql } from '../connect.ts'
import { run } from '../db-error.ts'

export type UsageBy = 'model' | 'key' | 'project'
/** Times are unix milliseconds; `to` is not in it. */
export type UsageFilter = { projectId?: string | undefined; from: number; to: number }
/** `costNanoUsd`: of the runs whose cost is known; `unpriced`: how many of the others used tokens. */
export type UsageSums = { runs: number; failed: number; tokens: number; costNanoUsd: number; unpriced: number }
/** `at`: when the bucket begins. `group`: a model, a fingerprint (or where the key came from), or a project's id. */
export type UsageBucket = UsageSums & { at: number; group: string }

export type Bucket = 'hour' | 'day'
type Bucketed = { bucket: Bucket; timeZone: string }

/** When the hours or days of a time zone begin that lie in the time. Days have 23 to 25 hours. */
export async function bucketStarts(
  sql: Sql,
  { from, to, bucket, timeZone }: UsageFilter & Bucketed,
): Promise<number[]> {
  const rows = await run(sql<{ at: number }[]>`
    select (extract(epoch from at) * 1000)::bigint as at from generate_series(
      date_trunc(${bucket}, to_timestamp(${from}::double precision / 1000), ${timeZone}),
      to_timestamp(${to - 1}::double precision / 1000), ('1 ' || ${bucket}::text)::interval, ${timeZone}) as at`)
  return rows.map(({ at }) => at)
}

/** Runs by when they began, in hours or days of a time zone, from the view of runs. */
export async function usageOverTime(
  sql: Sql,
  accountId: string,
  { by, bucket, timeZone, ...filter }: UsageFilter & Bucketed & { by: UsageBy },
): Promise<UsageBucket[]> {
  return run(sql<UsageBucket[]>`
    select (extract(epoch from date_trunc(${bucket}, to_timestamp(v.started / 1000.0), ${timeZone})) * 1000)::bigint as at, v.${sql(by)} as "group", ${sums(sql)}
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
