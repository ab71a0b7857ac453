import type { View } from '@stewrd/core/catalog.ts'
import { views as allViews } from '@stewrd/core/catalog.ts'
import type { Sql } from './connect.ts'
import type { DataKeys } from './data-keys.ts'
import { run } from './db-error.ts'
import { readLogRows } from './log-reader.ts'
import { Loop } from './loop.ts'
import type { Folded, RowWrite, Target } from './projection/fold.ts'
import { foldBatch } from './projection/fold.ts'
import { Lease } from './projection/lease.ts'
import { refusesRows, setAsideIn, sortOut } from './projection/set-aside.ts'
import type { RefusedRow, Writes } from './projection/write.ts'
import { writeFolded } from './projection/write.ts'
import type { Entry } from './record.ts'
import { openEntry } from './record.ts'
import { LOG_CHANNEL } from './sequencer.ts'

export type ProjectorOptions = {
  sql: Sql
  dataKeys: DataKeys
  node: string
  views?: readonly View[]
  onError?: (error: unknown) => void
  /** A view's stored version is older than this program's: rebuild it (see `replayView`). */
  onOutdated?: (view: string) => void
  /** The database refused a row: the view goes on without it. */
  onSetAside?: (rows: readonly RefusedRow[]) => void
}

const BATCH = 500
/** Events that are logged within this time after a batch share the next one: longer under load, as a batch costs about as much as twenty events. */
const GATHER_MS = { from: 10, to: 100 }

/** Keeps the read models at the end of the log. One at a time works, fenced by a lease; rows and checkpoint are written together. */
export class Projector {
  readonly #sql: Sql
  readonly #dataKeys: DataKeys
  readonly #views: readonly View[]
  readonly #lease: Lease
  readonly #loop: Loop
  readonly #onOutdated: (view: string) => void
  readonly #onSetAside: (rows: readonly RefusedRow[]) => void
  readonly #outdated = new Set<string>()
  readonly #waiting = new Set<() => void>()
  #targets: Target[] | undefined
  /** Views that had stopped before this projector began were tried again. */
  #tried = false
  /** The log is at least so large. */
  #known = 0
  #unlisten: (() => Promise<void>) | undefined

  constructor(options: ProjectorOptions) {
    const { sql, dataKeys, node, views = allViews } = options
    const { onError = () => {}, onOutdated = () => {}, onSetAside = () => {} } = options
    this.#sql = sql
    this.#dataKeys = dataKeys
    this.#views = views
    this.#onOutdated = onOutdated
    this.#onSetAside = onSetAside
    this.#lease = new Lease(sql, 'projector', node)
    this.#loop = new Loop({
      step: () => this.#step(),
      idleMs: { from: 50, to: 250 },
      gatherMs: GATHER_MS.from,
      longestGatherMs: GATHER_MS.to,
      onError,
    })
  }

  start(): void {
    this.#loop.start()
    // The sequencer may work on another node. Without LISTEN, as through a pooler, polling does.
    this.#sql
      .listen(LOG_CHANNEL, (size) => this.poke(Number(size)))
      .then(
        ({ unlisten }) => (this.#unlisten = unlisten),
        () => {},
      )
  }

  async stop(): Promise<void> {
    await this.#unlisten?.().catch(() => {})
    await this.#loop.stop()
    await this.#lease.release()
    this.#targets = undefined
  }

  /** The log has grown, to this size as far as is known. */
  poke(size = 0): void {
    if (size > this.#known) this.#known = size
    this.#loop.poke()
  }

  /** Projects until every view is at the end of the log, if the lease can be had. */
  async drain(): Promise<void> {
    while (await this.#loop.exclusively(() => this.#step())) {
      // one batch after the other
    }
  }

  /** True once every live view has seen this event; false after `timeoutMs`. Before a first projector has begun, none has. */
  async waitFor(
    accountId: string,
    stream: string,
    seq: number,
    { timeoutMs }: { timeoutMs: number },
  ): Promise<boolean> {
    const deadline = performance.now() + timeoutMs
    for (;;) {
      const [seen] = await run(this.#sql<{ seen: boolean }[]>`
        select exists (select from projections)
          and not exists (select from projections where status = 'live' and checkpoint <= l.idx) as seen
        from log l where account_id = ${accountId} and stream = ${stream} and seq = ${seq}`)
      if (seen?.seen) return true
      const left = deadline - performance.now()
      if (left <= 0) return false
      await this.#nextBatch(Math.min(left, 25))
    }
  }

  async #nextBatch(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>()
    const timer = setTimeout(resolve, ms)
    this.#waiting.add(resolve)
    await promise
    clearTimeout(timer)
    this.#waiting.delete(resolve)
  }

  /** Projects one batch. */
  async #step(): Promise<boolean | 'behind'> {
    const held = this.#lease.epoch
    const epoch = await this.#lease.hold()
    if (epoch !== held) this.#targets = undefined
    if (epoch === undefined) return false
    this.#targets ??= await this.#loadTargets()
    if (this.#targets.length === 0) return false
    const from = Math.min(...this.#targets.map((t) => t.checkpoint))
    if (this.#known <= from) this.#known = await this.#sizeOfLog()
    const to = Math.min(this.#known, from + BATCH)
    if (to <= from) return false
    const rows = await readLogRows(this.#sql, from, to, {}, BATCH)
    const entries = await Promise.all(rows.map((row) => openEntry(this.#dataKeys, row)))
    const { folded, writes } = await foldBatch(this.#sql, this.#targets, entries, to)
    await this.#write(epoch, folded, { writes }, entries)
    for (const wake of this.#waiting) wake()
    // A view that was switched meanwhile has to be looked at where it is now.
    return to < this.#known || this.#targets === undefined ? 'behind' : true
  }

  async #sizeOfLog(): Promise<number> {
    const [state] = await run(this.#sql<{ size: number }[]>`select size from log_state`)
    return state?.size ?? 0
  }

  async #write(epoch: number, folded: readonly Folded[], writes: Writes, entries: readonly Entry[]): Promise<void> {
    let advanced: { view: string }[]
    try {
      advanced = await run(writeFolded(this.#sql, epoch, folded, writes))
    } catch (error) {
      this.#targets = undefined
      if (!refusesRows(error)) throw error
      for (const one of folded)
        await this.#writeAlone(
          epoch,
          one,
          writes.writes.filter((w) => w.view === viewName(one)),
          entries,
        )
      return
    }
    this.#tried = true
    const stopped = folded.some((f) => f.error)
    if (advanced.length < folded.length) await this.#lease.verify()
    // Somebody switched or moved a view, or one was quarantined: read again where each stands.
    if (stopped || advanced.length < folded.length) this.#targets = undefined
    else if (this.#targets) this.#targets = folded.map(({ target, to }) => ({ ...target, checkpoint: to }))
  }

  /** Writes what one view folded without the rows that the database refuses; those are set aside. */
  async #writeAlone(epoch: number, one: Folded, writes: readonly RowWrite[], entries: readonly Entry[]): Promise<void> {
    const { target } = one
    try {
      const sorted = await sortOut(this.#sql, one, entries, writes)
      await run(writeFolded(this.#sql, epoch, [one], sorted))
      if (sorted.refused.length > 0) this.#onSetAside(sorted.refused)
    } catch (error) {
      if (!refusesRows(error)) throw error
      const stopped = `ROW_REFUSED (${error.code}) after ${target.checkpoint}`
      await run(writeFolded(this.#sql, epoch, [{ ...one, to: target.checkpoint, error: stopped }], { writes: [] }))
    }
    this.#tried = true
  }

  /** Where each view stands; new views start at 0. A quarantined one is tried again when a projector starts, and counts as stopped until it has advanced. */
  async #loadTargets(): Promise<Target[]> {
    await run(this.#sql`
      insert into projections (view, version, slot, checkpoint, status)
      select view, version, 0, 0, 'live'
      from unnest(${this.#views.map((v) => v.projection.name)}::text[], ${this.#views.map((v) => v.projection.version)}::int[]) as v(view, version)
      on conflict (view) do nothing`)
    const stored = await run(this.#sql<{ view: string; version: number; slot: number; checkpoint: number }[]>`
      select view, version, slot, checkpoint from projections where status = 'live' or ${!this.#tried}`)
    const byName = new Map(stored.map((p) => [p.view, p]))
    const targets: Target[] = []
    for (const view of this.#views) {
      const p = byName.get(view.projection.name)
      if (p?.version === view.projection.version)
        targets.push({
          view,
          slot: p.slot,
          checkpoint: p.checkpoint,
          setAside: await setAsideIn(this.#sql, p.view, p.slot),
        })
      else if (p && p.version < view.projection.version && !this.#outdated.has(p.view)) {
        this.#outdated.add(p.view)
        this.#onOutdated(p.view)
      }
    }
    return targets
  }
}

const viewName = (f: Folded) => f.target.view.projection.name
