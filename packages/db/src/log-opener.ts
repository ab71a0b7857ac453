import { readEvent } from '@stewrd/core/catalog.ts'
import type { DataKey } from '@stewrd/crypto/data-key.ts'
import type { Digest } from '@stewrd/crypto/digest.ts'
import { openBytes } from '@stewrd/crypto/envelope.ts'
import { ChainEnds } from './chain-ends.ts'
import type { Sql } from './connect.ts'
import type { DataKeys } from './data-keys.ts'
import { sealedElsewhere } from './foreign-events.ts'
import type { Entry } from './record.ts'
import { brokenEntry, openEntry } from './record.ts'
import type { StoredEvent } from './stored-event.ts'

/** `shredded`: its project was, so it must not be opened. */
export type StoredEntry = { index: number; shredded: boolean; event: StoredEvent }

/** Opens the log in its order, and checks that each event follows from the one before it in its stream. Waits as seldom as it can. */
export class LogOpener {
  readonly #opener: EntryOpener
  readonly #ends: ChainEnds
  readonly #sql: Sql

  constructor({ sql, dataKeys }: { sql: Sql; dataKeys: DataKeys }) {
    this.#sql = sql
    this.#opener = new EntryOpener(dataKeys)
    this.#ends = new ChainEnds(sql)
  }

  /** What opens a project may be destroyed at any time: call this now and then. */
  forgetKeys(): void {
    this.#opener.forgetKeys()
  }

  async open(stored: readonly StoredEntry[]): Promise<Entry[]> {
    const events = stored.map(({ event }) => event)
    const entries: Entry[] = []
    for (const [i, entry] of stored.entries()) {
      const { event } = entry
      const stream = event.streamName
      const previous = this.#ends.before(stream, event) ?? (await this.#ends.find(events, i))
      const chain = event.following(previous) ?? (await this.#followingElsewhere(entry, previous))
      this.#ends.set(stream, event.seq, chain ?? event.chain)
      entries.push(
        chain ? (this.#opener.open(entry) ?? (await this.#opener.openSlowly(entry))) : brokenEntry(rowOf(entry)),
      )
    }
    return entries
  }

  /** The same for an event that was sealed under another project than the one in its row: from then on it is that project's. */
  async #followingElsewhere(entry: StoredEntry, previous: Digest | undefined): Promise<Digest | undefined> {
    const { event } = entry
    const { seq, projectId, dekId } = event
    const under = await sealedElsewhere(this.#sql, { ...event.stream, seq, projectId, dekId })
    if (!under) return undefined
    event.setProject(under.projectId)
    const chain = event.following(previous)
    if (chain) entry.shredded = under.shredded
    else event.setProject(projectId)
    return chain
  }
}

/** Opens events with keys that it keeps at hand. */
export class EntryOpener {
  readonly #dataKeys: DataKeys
  #keys = new Map<string, DataKey>()

  constructor(dataKeys: DataKeys) {
    this.#dataKeys = dataKeys
  }

  forgetKeys(): void {
    this.#keys.clear()
  }

  /** Undefined when its key is not at hand, or when there is a reason why it does not open. */
  open({ event: stored, index, shredded }: StoredEntry): Entry | undefined {
    const key = shredded ? undefined : this.#keys.get(stored.dekId)
    if (!key) return undefined
    try {
      const data = JSON.parse(openBytes(key, stored.aad, stored).toString('utf8')) as unknown
      const event = readEvent({ type: stored.type, version: stored.version, data })
      return event && { event, ...stored.meta, index }
    } catch {
      return undefined
    }
  }

  /** With the reason why, when it does not open. */
  async openSlowly(entry: StoredEntry): Promise<Entry> {
    const row = rowOf(entry)
    const opened = await openEntry(this.#dataKeys, row)
    if (opened.unreadable === undefined)
      this.#keys.set(row.dek_id, await this.#dataKeys.byId(row.account_id, row.project_id, row.dek_id))
    return opened
  }
}

const rowOf = ({ event, index, shredded }: StoredEntry) => event.row(index, shredded)
