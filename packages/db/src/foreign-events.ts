import type { Sql, Tx } from './connect.ts'
import { run } from './db-error.ts'

// Appends did not look at the project of a stream once, and carried commands of one project out in streams of another. Such an event is sealed
// and hashed under the project of its command. Its row names that project too, or, if a statement for several streams wrote it, the stream's.
// A stream is of the project of its first event.

/** An event that was recorded under another project than the one that its stream belongs to. */
export type ForeignEvent = {
  /** Its place in the log; null while it waits for one. */
  index: number | null
  accountId: string
  stream: string
  seq: number
  type: string
  recordedUnder: string
  owner: string
}

/** Whose data key it is, or was. */
const KEYS = `
  (select account_id, id, scope from data_keys union all select account_id, id, scope from destroyed_data_keys)`

/** `from` names places `s (idx, account_id, stream, seq)` that may hold such events. */
const query = (from: string) => `
  select s.idx as index, e.account_id as "accountId", e.stream, e.seq, e.type, k.scope as "recordedUnder", f.project_id as owner
  from (${from}) s
  join events e on e.account_id = s.account_id and e.stream = s.stream and e.seq = s.seq
  join events f on f.account_id = s.account_id and f.stream = s.stream and f.seq = 1
  join ${KEYS} k on k.account_id = e.account_id and k.id = e.dek_id
  where k.scope <> f.project_id::text`

const waiting = 'select null::bigint as idx, account_id, stream, seq from outbox'

/** Those whose row, and entry of the log, names the project of the command: found by what the log and the heads say. */
export const foreignInLog = (sql: Sql | Tx): Promise<ForeignEvent[]> =>
  run(
    sql.unsafe<ForeignEvent[]>(
      `${query(`
        select l.idx, l.account_id, l.stream, l.seq from log l
        join heads h on h.account_id = l.account_id and h.stream = l.stream where l.project_id <> h.project_id
        union all ${waiting}`)} and e.project_id::text = k.scope order by s.idx, e.stream, e.seq`,
    ),
  )

/** Those of files and sessions, which is where commands of other projects were carried out: found without going through the whole log. */
export const foreignInThings = (sql: Sql | Tx): Promise<ForeignEvent[]> =>
  run(
    sql.unsafe<ForeignEvent[]>(
      `${query(`
        select l.idx, t.account_id, t.stream, t.seq from heads h
        join events t on t.account_id = h.account_id and t.stream = h.stream and t.seq > 1
        left join log l on l.account_id = t.account_id and l.stream = t.stream and l.seq = t.seq
        where h.seq > 1 and (h.stream like 'file:%' or h.stream like 'session:%')`)} order by s.idx, e.stream, e.seq`,
    ),
  )

export type SealedUnder = { projectId: string; shredded: boolean }

/** The project that an event was sealed under, if its row names the one that its stream belongs to instead. */
export async function sealedElsewhere(
  sql: Sql | Tx,
  event: { accountId: string; stream: string; seq: number; projectId: string; dekId: string },
): Promise<SealedUnder | undefined> {
  if (event.seq === 1) return undefined
  const [found] = await run(sql<SealedUnder[]>`
    select k.scope as "projectId", exists (
      select from shredded_projects s where s.account_id = f.account_id and s.project_id::text = k.scope) as shredded
    from events f join ${sql.unsafe(KEYS)} k on k.account_id = f.account_id and k.id::text = ${event.dekId}
    where f.account_id = ${event.accountId} and f.stream = ${event.stream} and f.seq = 1
      and f.project_id::text = ${event.projectId} and k.scope <> ${event.projectId}`)
  return found
}

export const foreignSentence = ({ stream, seq, type, index, recordedUnder, owner }: ForeignEvent): string => {
  const place = index === null ? '' : `, entry ${index} of the log`
  return `Event ${seq} of ${stream} (${type}${place}) was recorded under the project ${recordedUnder}, and its stream belongs to the project ${owner}.`
}

/**
 * What a proof of a project shows beside its own events in a range of the log. `inOwn`: events in its streams that were recorded under another
 * project, by their place, with that project. `begins`: the first events of other projects' streams in which it has events.
 */
export type ForeignPlaces = { inOwn: ReadonlyMap<number, string>; begins: readonly number[] }

export async function foreignPlaces(
  sql: Sql,
  { accountId, projectId, from, to }: { accountId: string; projectId: string; from: number; to: number },
): Promise<ForeignPlaces> {
  const range = sql`l.account_id = ${accountId} and l.idx >= ${from} and l.idx < ${to}`
  const inOwn = await run(sql<{ idx: number; projectId: string }[]>`
    select l.idx, l.project_id::text as "projectId" from heads h
    join log l on l.account_id = h.account_id and l.stream = h.stream
    where h.account_id = ${accountId} and h.project_id = ${projectId} and l.project_id <> ${projectId} and ${range}
    union all
    select l.idx, k.scope from log l
    join events e on e.account_id = l.account_id and e.stream = l.stream and e.seq = l.seq
    join ${sql.unsafe(KEYS)} k on k.account_id = e.account_id and k.id = e.dek_id
    where l.project_id = ${projectId} and k.scope <> ${projectId} and ${range}`)
  const begins = await run(sql<{ idx: number }[]>`
    select distinct f.idx from log l
    join heads h on h.account_id = l.account_id and h.stream = l.stream
    join log f on f.account_id = l.account_id and f.stream = l.stream and f.seq = 1
    where l.project_id = ${projectId} and h.project_id <> ${projectId} and ${range}`)
  return { inOwn: new Map(inOwn.map((row) => [row.idx, row.projectId])), begins: begins.map(({ idx }) => idx) }
}
