import { eventTypes } from '@stewrd/core/catalog.ts'
import type { Noun } from '@stewrd/core/kernel/event.ts'
import type { Sql, Tx } from './connect.ts'
import type { DataKeys } from './data-keys.ts'
import { run } from './db-error.ts'
import type { Entry, LoggedRow } from './record.ts'
import { eventColumns, openEntry } from './record.ts'

/** `from` is included, `to` excluded; both are indexes. */
export type LogRange = { accountId?: string; projectId?: string; nouns?: readonly Noun[]; from?: number; to?: number }

const BATCH = 1000
const knownTypes = Object.values(eventTypes).flat()

/** The log in order, decrypted, batch by batch: memory stays flat. Ends at `to`, or at the end of the log as it was at the start. */
export async function* readLog(
  { sql, dataKeys }: { sql: Sql; dataKeys: DataKeys },
  { from = 0, to, ...range }: LogRange = {},
): AsyncGenerator<Entry[]> {
  const end = to ?? (await sizeOf(sql))
  let rows = readLogRows(sql, from, end, range)
  for (;;) {
    const batch = await rows
    const last = batch.at(-1)
    if (!last) return
    // The next batch is on its way while this one is decrypted and used.
    rows = readLogRows(sql, last.idx + 1, end, range)
    rows.catch(() => {})
    yield await Promise.all(batch.map((row) => openEntry(dataKeys, row)))
    if (batch.length < BATCH) return
  }
}

/** Up to `limit` sealed rows of the log from `from` to before `to`. With `nouns`, types that this program does not know come too. */
export function readLogRows(
  sql: Sql | Tx,
  from: number,
  to: number,
  { accountId, projectId, nouns }: Omit<LogRange, 'from' | 'to'> = {},
  limit = BATCH,
): Promise<LoggedRow[]> {
  return run(sql<LoggedRow[]>`
    select l.idx, ${eventColumns(sql)}
    from (
      select l.idx, l.account_id, l.stream, l.seq from log l where l.idx >= ${from} and l.idx < ${to}
        ${accountId === undefined ? sql`` : sql`and l.account_id = ${accountId}`}
        ${projectId === undefined ? sql`` : sql`and l.project_id = ${projectId}`}
        ${nouns === undefined ? sql`` : sql`and (l.type = any(${nouns.flatMap((noun) => eventTypes[noun])}::text[]) or l.type <> all(${knownTypes}::text[]))`}
      order by l.idx limit ${limit}
    ) l join events e using (account_id, stream, seq) order by l.idx`)
}

async function sizeOf(sql: Sql): Promise<number> {
  const [state] = await run(sql<{ size: number }[]>`select size from log_state`)
  return state!.size
}
