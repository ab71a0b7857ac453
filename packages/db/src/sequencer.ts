import { randomUUID } from 'node:crypto'
import type { Sql } from './connect.ts'
import { DbError, run } from './db-error.ts'
import { EVENT_FROM } from './log-reader.ts'
import { Loop } from './loop.ts'

/** What LISTEN hears once a batch: the size of the log. A hint; polling carries correctness. */
export const LOG_CHANNEL = 'stewrd_log'

const BATCH = 1000
const LEASE_SECONDS = 5
const IDLE_MS = { from: 50, to: 250 }
/** Appends that arrive within this time after a batch share the next one: longer under load, as a batch costs the readers of the log about as much as an append. */
const GATHER_MS = { from: 5, to: 20 }
/** So long a lease that somebody else holds is not asked for again, however much is appended meanwhile. */
const LOOK_MS = 100

// The fence locks the state row, so batches follow each other. A row without its event would violate a not-null and stop the
// log loudly. Ids were drawn under the head's lock: within a stream, and after whatever it waited for, they only grow.
const PLACE = `
  with fence as materialized (
    select size from log_state
    where epoch = $1 and holder = $2 and expires_at > clock_timestamp() for update
  ), taken as (
    delete from outbox where id = any (array(select id from outbox order by id limit ${BATCH})) and exists (select from fence)
    returning id, account_id, stream, seq
  ), placed as (
    insert into log (idx, account_id, project_id, stream, seq, type, actor, at)
    select (select size from fence) + row_number() over (order by l.id) - 1, l.account_id, e.project_id, l.stream, l.seq, e.type, e.actor, e.at
    from taken l left join lateral (${EVENT_FROM}) e using (account_id, stream, seq)
    returning idx
  ), grown as (
    update log_state set size = size + (select count(*) from placed),
      expires_at = clock_timestamp() + ${LEASE_SECONDS} * interval '1 second'
    where epoch = $1 and exists (select from placed)
    returning size, pg_notify('${LOG_CHANNEL}', size::text)
  )
  select coalesce((select size from grown), (select size from fence)) as size, (select count(*) from placed) as placed
  from fence`

/** The right to write the log, as long as the lease row says the same. */
export type Lease = { epoch: number; holder: string }

export type SequencerOptions = {
  sql: Sql
  /** This process, for operators who look at the lease. */
  node: string
  /** Called after a batch, with the size of the log. */
  onLogged?: (size: number) => void
  onError?: (error: unknown) => void
}

/**
 * Gives appended events their dense place in the global log. One at a time works: the lease row is locked and its epoch
 * compared in the statement that writes, so one that slept while another took over writes nothing.
 */
export class Sequencer {
  readonly #db: { sql: Sql }
  readonly #holder: string
  readonly #onLogged: (size: number) => void
  readonly #loop: Loop
  #epoch: number | undefined
  #renewAt = 0
  #lookAt = 0

  constructor({ sql, node, onLogged = () => {}, onError = () => {} }: SequencerOptions) {
    this.#db = { sql }
    this.#holder = `${node}/${randomUUID()}`
    this.#onLogged = onLogged
    this.#loop = new Loop({
      step: () => this.#step(),
      idleMs: IDLE_MS,
      gatherMs: GATHER_MS.from,
      longestGatherMs: GATHER_MS.to,
      onError,
    })
  }

  start(): void {
    this.#loop.start()
  }

  /** Finishes the batch at hand and hands the lease back. */
  async stop(): Promise<void> {
    await this.#loop.stop()
    if (this.#epoch === undefined) return
    const epoch = this.#epoch
    this.#epoch = undefined
    await run(
      this.#db.sql`update log_state set expires_at = '-infinity' where epoch = ${epoch} and holder = ${this.#holder}`,
    ).catch(() => {})
  }

  /** What this process holds, as far as it knows: writers compare it with the lease row. */
  get lease(): Lease | undefined {
    return this.#epoch === undefined ? undefined : { epoch: this.#epoch, holder: this.#holder }
  }

  /** Something was appended. */
  poke(): void {
    this.#loop.poke()
  }

  /** Sequences until the outbox is empty, if the lease can be had. Returns how many events it placed. */
  async drain(): Promise<number> {
    let total = 0
    for (;;) {
      const placed = await this.#loop.exclusively(() => this.#batch())
      if (!placed) return total
      total += placed
    }
  }

  async #step(): Promise<boolean> {
    if (this.#epoch === undefined && performance.now() < this.#lookAt) return false
    return ((await this.#batch()) ?? 0) > 0
  }

  /** Places one batch. Undefined when somebody else holds the lease. */
  async #batch(): Promise<number | undefined> {
    if (this.#epoch === undefined && !(await this.#acquire())) return undefined
    const result = await this.#place()
    if (result === undefined) {
      this.#epoch = undefined
      return undefined
    }
    if (result.placed > 0) this.#onLogged(result.size)
    else await this.#renew()
    return result.placed
  }

  /** Takes the lease over once it has run out. Times are the database's, so clocks of nodes do not matter. */
  async #acquire(): Promise<boolean> {
    const [lease] = await run(this.#db.sql<{ epoch: number }[]>`
      update log_state set epoch = epoch + 1, holder = ${this.#holder}, expires_at = clock_timestamp() + ${LEASE_SECONDS} * interval '1 second'
      where expires_at < clock_timestamp() returning epoch`)
    this.#epoch = lease?.epoch
    this.#renewAt = performance.now() + (LEASE_SECONDS * 1000) / 3
    this.#lookAt = performance.now() + LOOK_MS
    return lease !== undefined
  }

  async #renew(): Promise<void> {
    if (performance.now() < this.#renewAt) return
    this.#renewAt = performance.now() + (LEASE_SECONDS * 1000) / 3
    const renewed = await run(this.#db.sql`
      update log_state set expires_at = clock_timestamp() + ${LEASE_SECONDS} * interval '1 second'
      where epoch = ${this.#epoch!} and holder = ${this.#holder} and expires_at > clock_timestamp()`)
    if (renewed.count === 0) this.#epoch = undefined
  }

  /** Undefined when the lease is lost: then nothing was written. */
  async #place(): Promise<{ placed: number; size: number } | undefined> {
    // Planned once for a connection, when the tables may still be empty: `EVENT_FROM` names the index. To plan it took as long as to carry it out.
    const [result] = await run(
      this.#db.sql.unsafe<{ size: number; placed: number }[]>(PLACE, [this.#epoch!, this.#holder], { prepare: true }),
    )
    return result
  }
}

/** The log is not what the outbox promised: a bug or an edit, for an alarm. */
export const isLogAlarm = (error: unknown) => error instanceof DbError && error.table === 'log'
