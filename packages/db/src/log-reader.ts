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
/** So many rows a query of a long range reads. Until the first of them come nobody has anything to do; after the last, keys are asked for again. */
const PAGE = 4000
const typesOf = (nouns: readonly Noun[]) => nouns.flatMap((noun) => eventTypes[noun])
const knownTypes = Object.values(eventTypes).flat()
/** Events that concern a reader of these nouns: of a type that is `wanted`, or of none that is `known`. */
export const typesFor = (nouns: readonly Noun[]) => ({ wanted: typesOf(nouns), known: knownTypes })

/**
 * The log in order, decrypted, in batches as they arrive: memory stays flat. Ends at `to`, or at the end of the log as it was at the start. An
 * event that does not follow from the one before it in its stream is unreadable. Whoever reads holds a connection meanwhile.
 */
export async function* readLog(
  { sql, dataKeys }: { sql: Sql; dataKeys: DataKeys },
  { from = 0, to, ...range }: LogRange = {},
): AsyncGenerator<Entry[]> {
  const end = to ?? (await sizeOf(sql))
  const opener = new LogOpener({ sql, dataKeys })
  let next = from
  for (let count = PAGE; count === PAGE; ) {
    count = 0
    opener.forgetKeys()
    for await (const stored of storedPage(sql, { ...range, from: next, to: end })) {
      count += stored.length
      next = stored.at(-1)!.index + 1
      yield await opener.open(stored)
    }
  }
}

/**
 * Rows in the bytes that they came in, for long ranges, as it is planned anew each time. What arrives is opened while the database makes the
 * rest. How many are asked for is not known when it is planned: where few rows are expected, as in a table without statistics, all that follow
 * would be gathered and sorted for each page.
 */
function storedPage(sql: Sql, { from, to, ...range }: PageRange): AsyncGenerator<StoredEntry[]> {
  const { accountId, projectId, nouns } = range
  const query = `
    select ${storedColumns}, l.idx, ${SHREDDED} from (
      select idx, account_id, stream, seq from log where idx >= ${from} and idx < ${to}
        ${accountId === undefined ? '' : `and account_id = ${literal(accountId)}`}
        ${projectId === undefined ? '' : `and project_id = ${literal(projectId)}`}
        ${nouns === undefined ? '' : `and (type in (${literals(typesOf(nouns))}) or type not in (${literals(knownTypes)}))`}
      order by idx limit (select ${PAGE})
    ) l join lateral (${EVENT_FROM}) e using (account_id, stream, seq) order by l.idx`
  return copyChunks(sql, query, storedEntry)
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
