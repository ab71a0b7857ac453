import type { Sql, Tx } from '../connect.ts'
import { dbError, run } from '../db-error.ts'
import { Loop } from '../loop.ts'
import { Lease } from '../projection/lease.ts'
import { LOG_CHANNEL } from '../sequencer.ts'

/** A place in the log that may have to be told to somebody. Its content is not opened here. */
export type Occurrence = {
  index: number
  accountId: string
  projectId: string
  stream: string
  seq: number
  type: string
}

export type OutletOptions = {
  sql: Sql
  node: string
  /** Types of events that are looked at. */
  types: readonly string[]
  /** What is to be done about them; called with the transaction in which the checkpoint moves. Undefined: nothing. */
  judge: (occurrences: readonly Occurrence[]) => Promise<((tx: Tx) => Promise<void>) | undefined>
  onError: (error: unknown) => void
}

const BATCH = 1000
/** What is logged within this time after a look is looked at together. */
const GATHER_MS = 100

/**
 * Follows the log, and lets what has to be sent be entered in the same transaction as the checkpoint: never lost, never before its event
 * is in the log, never twice. One at a time works, fenced by a lease. Only projects with a webhook are looked at.
 */
export class Outlet {
  readonly #options: OutletOptions
  readonly #lease: Lease
  readonly #loop: Loop
  #unlisten: (() => Promise<void>) | undefined

  constructor(options: OutletOptions) {
    this.#options = options
    this.#lease = new Lease(options.sql, 'webhooks', options.node)
    this.#loop = new Loop({
      step: () => this.#step(),
      idleMs: { from: 100, to: 500 },
      gatherMs: GATHER_MS,
      onError: options.onError,
    })
  }

  start(): void {
    this.#loop.start()
    this.#options.sql
      .listen(LOG_CHANNEL, () => this.#loop.poke())
      .then(
        ({ unlisten }) => (this.#unlisten = unlisten),
        () => {},
      )
  }

  async stop(): Promise<void> {
    await this.#unlisten?.().catch(() => {})
    await this.#loop.stop()
    await this.#lease.release()
  }

  async #step(): Promise<boolean> {
    const { sql, judge } = this.#options
    const epoch = await this.#lease.hold()
    if (epoch === undefined) return false
    const [at] = await run(
      sql<{ idx: number; size: number }[]>`select c.idx, l.size from webhook_cursor c, log_state l`,
    )
    const { idx: from, size } = at!
    const to = Math.min(size, from + BATCH)
    if (to <= from) return false
    const found = await this.#read(from, to)
    const work = found.length > 0 ? await judge(found) : undefined
    const moved = await this.#advance(epoch, from, to, work)
    if (!moved) await this.#lease.verify()
    return true
  }

  /** The heads show in the same statement which projects ever had a webhook: most have none. */
  #read(from: number, to: number): Promise<Occurrence[]> {
    const { sql, types } = this.#options
    return run(sql<Occurrence[]>`
      select l.idx as index, l.account_id as "accountId", l.project_id as "projectId", l.stream, l.seq, l.type
      from log l join heads h on h.account_id = l.account_id and h.stream = 'webhooks:' || l.project_id and h.seq > 0
      where l.idx >= ${from} and l.idx < ${to} and l.type = any(${types as string[]}::text[]) order by l.idx`)
  }

  /** False, and nothing was done, when the lease or the checkpoint is not what it was. */
  async #advance(
    epoch: number,
    from: number,
    to: number,
    work: ((tx: Tx) => Promise<void>) | undefined,
  ): Promise<boolean> {
    const { sql } = this.#options
    // A look that found nothing needs no wait for the disk: lost, it is done again.
    const move = (db: Sql | Tx) => db`
      with fence as materialized (
        select epoch from leases where name = 'webhooks' and epoch = ${epoch} for update
      )
      update webhook_cursor set idx = ${to} where idx = ${from} and exists (select from fence)
      returning idx ${work ? db`` : db`, set_config('synchronous_commit', 'off', true)`}`
    if (!work) return (await run(move(sql))).length > 0
    try {
      return await sql.begin(async (tx) => {
        const [moved] = await move(tx)
        if (moved) await work(tx)
        return moved !== undefined
      })
    } catch (error) {
      throw dbError(error)
    }
  }
}
