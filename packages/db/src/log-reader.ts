import { eventTypes } from '@stewrd/core/catalog.ts'
import type { Noun } from '@stewrd/core/kernel/event.ts'
import type { Sql, Tx } from './connect.ts'
import type { Places } from './copy-binary.ts'
import { copyChunks, int8 } from './copy-binary.ts'
import type { DataKeys } from './data-keys.ts'
import { run } from './db-error.ts'
import type { StoredEntry } from './log-opener.ts'
import { LogOpener } from './log-opener.ts'
import type { Entry, LoggedRow } from './record.ts'
import { eventColumns, SHREDDED } from './record.ts'
import { storedColumns, StoredEvent } from './stored-event.ts'

/** `from` is included, `to` excluded; both are indexes. */
export type LogRange = { accountId?: string; projectId?: string; nouns?: readonly Noun[]; from?: number; to?: number }

type PageRange = LogRange & { from: number; to: number }

const BATCH = 1000
const PAGE = 1000
const typesOf = (nouns: readonly Noun[]) => nouns.flatMap((noun) => eventTypes[noun])
const knownTypes = Object.values(eventTypes).flat()

/**
 * The log in order, decrypted, batch by batch: memory stays flat. Ends at `to`, or at the end of the log as it was at the start. An event that
 * does not follow from the one before it in its stream is unreadable.
 */
export async function* readLog(
  { sql, dataKeys }: { sql: Sql; dataKeys: DataKeys },
  { from = 0, to, ...range }: LogRange = {},
): AsyncGenerator<Entry[]> {
  const end = to ?? (await sizeOf(sql))
  const opener = new LogOpener({ sql, dataKeys })
  let page = openPage(sql, opener, { ...range, from, to: end })
  for (;;) {
    const entries = await page
    const last = entries.at(-1)
    if (!last) return
    if (entries.length < PAGE) return yield entries
    // The next page is on its way while this one is used.
    page = openPage(sql, opener, { ...range, from: last.index + 1, to: end })
    page.catch(() => {})
    yield entries
  }
}

/** What arrives is opened while the database makes the rest: of rows in the bytes that they came in, for long ranges, as it is planned anew each time. */
async function openPage(sql: Sql, opener: LogOpener, { from, to, ...range }: PageRange): Promise<Entry[]> {
  const { accountId, projectId, nouns } = range
  const query = `
    select ${storedColumns}, l.idx, ${SHREDDED} from (
      select idx, account_id, stream, seq from log where idx >= ${from} and idx < ${to}
        ${accountId === undefined ? '' : `and account_id = ${literal(accountId)}`}
        ${projectId === undefined ? '' : `and project_id = ${literal(projectId)}`}
        ${nouns === undefined ? '' : `and (type in (${literals(typesOf(nouns))}) or type not in (${literals(knownTypes)}))`}
      order by idx limit ${PAGE}
    ) l join lateral (${EVENT_FROM}) e using (account_id, stream, seq) order by l.idx`
  opener.forgetKeys()
  const page: Entry[] = []
  for await (const stored of copyChunks(sql, query, storedEntry)) page.push(...(await opener.open(stored)))
  return page
}

const storedEntry = (bytes: Buffer, at: Places, from: number): StoredEntry => ({
  event: new StoredEvent(bytes, at, from),
  index: int8(bytes, at[from + 34]),
  shredded: bytes[at[from + 36]!] === 1,
})

const literal = (text: string) => `'${text.replaceAll("'", "''")}'`
const literals = (texts: readonly string[]) => texts.map(literal).join(', ')

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
        ${nouns === undefined ? sql`` : sql`and (l.type = any(${typesOf(nouns)}::text[]) or l.type <> all(${knownTypes}::text[]))`}
      order by l.idx limit ${limit}
    ) l join lateral (${eventFrom(sql)}) e using (account_id, stream, seq) order by l.idx`)
}

/**
 * The event at the place of `l`, or else the next one. To ask like this names the index: with an equality, and a plan that a connection made
 * while the table was small, any index that begins with the account would do, and each look-up would read all of it.
 */
export const EVENT_FROM = `
  select * from events where (account_id, stream, seq) >= (l.account_id, l.stream, l.seq) order by account_id, stream, seq limit 1`
export const eventFrom = (sql: Sql | Tx) => sql.unsafe(EVENT_FROM)

async function sizeOf(sql: Sql): Promise<number> {
  const [state] = await run(sql<{ size: number }[]>`select size from log_state`)
  return state!.size
}
