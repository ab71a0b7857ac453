import { eventTypes } from '@stewrd/core/catalog.ts'
import type { Noun } from '@stewrd/core/kernel/event.ts'
import type { Sql } from './connect.ts'
import type { DataKeys } from './data-keys.ts'
import { run } from './db-error.ts'
import type { Entry, LoggedRow } from './record.ts'
import { eventColumns, openEntry } from './record.ts'
import { scoped, scopeOf, wholeAccount } from './scope.ts'
import { LOG_CHANNEL } from './sequencer.ts'

/** Times are unix milliseconds, `from` included and `to` excluded; `before` and `after` are indexes, both excluded. */
export type HistoryFilter = {
  projectId?: string
  nouns?: readonly Noun[]
  types?: readonly string[]
  actor?: string
  from?: number
  to?: number
  before?: number
  after?: number
}

const POLL_MS = 250
const TAIL_BATCH = 200

/** The log, decrypted, as an account sees it. */
export class History {
  readonly #sql: Sql
  readonly #notices: Sql
  readonly #dataKeys: DataKeys
  readonly #hints = new Set<() => void>()
  #listening: Promise<unknown> | undefined

  /** `notices`: connections that may listen; default: `sql`. */
  constructor({ sql, dataKeys, notices = sql }: { sql: Sql; dataKeys: DataKeys; notices?: Sql }) {
    this.#sql = sql
    this.#notices = notices
    this.#dataKeys = dataKeys
  }

  /** Newest first; oldest first with `after` given. An event that cannot be read stands in its place as what it is. */
  async list(accountId: string, { limit = 50, ...filter }: HistoryFilter & { limit?: number } = {}): Promise<Entry[]> {
    const direction = filter.after === undefined ? this.#sql`desc` : this.#sql`asc`
    const statement = this.#sql<LoggedRow[]>`
      select l.idx, ${eventColumns(this.#sql)}
      from (select l.idx, l.account_id, l.stream, l.seq from log l where ${this.#matches(accountId, filter)} order by l.idx ${direction} limit ${limit}) l
      join events e using (account_id, stream, seq) order by l.idx ${direction}`
    const { projectId } = filter
    const scope = projectId === undefined ? wholeAccount(accountId) : scopeOf({ accountId, projectId })
    const rows = await run(scoped(statement, scope))
    return Promise.all(rows.map((row) => openEntry(this.#dataKeys, row)))
  }

  async get(accountId: string, index: number): Promise<Entry | undefined> {
    const [entry] = await this.list(accountId, { after: index - 1, before: index + 1, limit: 1 })
    return entry
  }

  /** The next index. */
  async size(): Promise<number> {
    const [state] = await run(this.#sql<{ size: number }[]>`select size from log_state`)
    return state!.size
  }

  /** Every matching event after index `after`, in order and without a gap, until `signal` is aborted. */
  async *tail(
    accountId: string,
    { after, signal, ...filter }: Omit<HistoryFilter, 'before' | 'after'> & { after: number; signal: AbortSignal },
  ): AsyncGenerator<Entry> {
    let seen = after
    await this.#listen()
    while (!signal.aborted) {
      const hint = this.#nextHint(signal)
      const entries = await this.list(accountId, { ...filter, after: seen, limit: TAIL_BATCH })
      for (const entry of entries) {
        if (signal.aborted) return
        yield entry
        seen = entry.index
      }
      if (entries.length < TAIL_BATCH) await hint.promise
      hint.cancel()
    }
  }

  #matches(accountId: string, f: HistoryFilter) {
    const sql = this.#sql
    const types = f.types ?? f.nouns?.flatMap((noun) => eventTypes[noun])
    return sql`l.account_id = ${accountId}
      ${f.projectId === undefined ? sql`` : sql`and l.project_id = ${f.projectId}`}
      ${types === undefined ? sql`` : sql`and l.type = any(${[...types]}::text[])`}
      ${f.actor === undefined ? sql`` : sql`and l.actor = ${f.actor}`}
      ${f.from === undefined ? sql`` : sql`and l.at >= ${new Date(f.from)}`}
      ${f.to === undefined ? sql`` : sql`and l.at < ${new Date(f.to)}`}
      ${f.before === undefined ? sql`` : sql`and l.idx < ${f.before}`}
      ${f.after === undefined ? sql`` : sql`and l.idx > ${f.after}`}`
  }

  /** One LISTEN for all tails. Without it, as through a pooler, polling does. */
  #listen(): Promise<unknown> {
    const wakeAll = () => {
      for (const hint of this.#hints) hint()
    }
    this.#listening ??= this.#notices.listen(LOG_CHANNEL, wakeAll, wakeAll).catch(() => (this.#listening = undefined))
    return this.#listening
  }

  /** Resolves at the next hint, at the next poll, or at the end. Made before the look, so that no hint falls in between. */
  #nextHint(signal: AbortSignal): { promise: Promise<void>; cancel: () => void } {
    const { promise, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(resolve, POLL_MS)
    this.#hints.add(resolve)
    signal.addEventListener('abort', () => resolve(), { once: true })
    const cancel = () => {
      clearTimeout(timer)
      this.#hints.delete(resolve)
    }
    return { promise, cancel }
  }
}
