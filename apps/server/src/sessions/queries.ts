import { run } from '@stewrd/db/db-error.ts'
import type { Platform } from '../platform.ts'

type Asked = { projectId: string; since: number; recent: readonly string[] }

/** Sessions of a project that were active since, with those of `recent` that the view does not have yet. */
export async function activeSessions(
  { sql, accountId }: Platform,
  { projectId, since, recent }: Asked,
): Promise<number> {
  const [row] = await run(sql<{ active: number; known: number }[]>`
    select
      count(*) filter (where not (r.row ->> 'deleted')::boolean
        and ((r.row ->> 'activeAt')::numeric >= ${since} or r.row ->> 'busy' is not null)) as active,
      count(*) filter (where r.key = any(${[...recent]}::text[])) as known
    from projections p join view_rows r using (view, slot)
    where p.view = 'sessions' and r.account_id = ${accountId} and r.project_id = ${projectId}`)
  return (row?.active ?? 0) + recent.length - (row?.known ?? 0)
}
