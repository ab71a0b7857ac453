import type { Sql } from './connect.ts'
import { runWithin } from './db-error.ts'

/** This machine's own clock, unix milliseconds: only for what never leaves the machine, such as the age of a file. */
export const machineTime = (): number => Date.now()

/** Readings of the last quarter of a minute, one each beat of a node. */
const KEPT = 8
/** Two quartz clocks drift apart by less. */
const DRIFT = 200e-6
/** A machine whose clock is off by more says so. */
const NOTICED_MS = 2_000
export const DEFAULT_TOLERANCE_MS = 30_000

/** `offset`: the database's unix milliseconds less this process's monotonic ones, right to `error`. */
type Reading = { offset: number; error: number; at: number }

/**
 * How this machine's clock stands to the database's. `aheadMs`: by how much it is ahead, negative when behind; `off`: by more than
 * two seconds; `trusted`: by no more than what the deployment tolerates, so that this node may carry out what is due.
 */
export type ClockStanding = { aheadMs: number; toleranceMs: number; off: boolean; trusted: boolean }

export type ClockOptions = { toleranceMs?: number; monotonic?: () => number; machine?: () => number }

/**
 * The database's time on this node: a monotonic clock, corrected by an offset that is measured as NTP does, from the middle of a round
 * trip. All times that another node may judge (events, deadlines, expiries) come from it. Call `measure` before the first `now`.
 */
export class DatabaseClock {
  readonly toleranceMs: number
  readonly #monotonic: () => number
  readonly #machine: () => number
  #readings: Reading[] = []
  #best: Reading | undefined

  constructor({
    toleranceMs = DEFAULT_TOLERANCE_MS,
    monotonic = () => performance.now(),
    machine = machineTime,
  }: ClockOptions = {}) {
    this.toleranceMs = toleranceMs
    this.#monotonic = monotonic
    this.#machine = machine
  }

  /** Whole unix milliseconds. */
  readonly now = (): number => Math.floor(this.#monotonic() + this.#measured().offset)

  standing(): ClockStanding {
    const aheadMs = Math.round(this.#aheadMs())
    const atLeast = Math.abs(aheadMs) - this.#errorOf(this.#measured())
    const { toleranceMs } = this
    return { aheadMs, toleranceMs, off: atLeast > NOTICED_MS, trusted: atLeast <= toleranceMs }
  }

  /** A moment by this machine's clock, by the database's. */
  readonly fromMachine = (at: Date): Date => new Date(at.getTime() - this.#aheadMs())

  /** A moment by the database's clock, by this machine's: for libraries that read no other. */
  readonly toMachine = (at: Date): Date => new Date(at.getTime() + this.#aheadMs())

  /** Asks the database for its time. Throws `StoreUnavailable`. */
  async measure(sql: Sql): Promise<ClockStanding> {
    await this.time(async () => {
      const [row] = await runWithin(sql<{ at: number }[]>`select ${databaseTime(sql)} as at`)
      return row!.at
    })
    return this.standing()
  }

  /**
   * The database's time, for work that destroys what is due by then; undefined when this machine's clock contradicts it, so that one of
   * the two is wrong. Asks the database each time: its clock may have jumped since the last beat.
   */
  async dueTime(sql: Sql): Promise<number | undefined> {
    const { trusted } = await this.measure(sql)
    return trusted ? this.now() : undefined
  }

  /** Takes a reading from a statement that answers with `databaseTime`, and may do something besides. */
  async time(statement: () => Promise<number>): Promise<void> {
    const asked = this.#monotonic()
    const databaseAt = await statement()
    const at = this.#monotonic()
    const reading = { offset: databaseAt - (asked + at) / 2, error: (at - asked) / 2, at }
    const kept = this.#contradicts(reading) ? [] : this.#readings
    this.#readings = [...kept, reading].slice(-KEPT)
    this.#best = this.#readings.reduce((best, next) => (this.#errorOf(next) <= this.#errorOf(best) ? next : best))
  }

  /** Each reading is right to its error. One that contradicts those before shows that the database's clock jumped: they count no more. */
  #contradicts(reading: Reading): boolean {
    const best = this.#best
    if (!best) return false
    return Math.abs(best.offset - reading.offset) > this.#errorOf(best) + this.#errorOf(reading) + 1
  }

  #errorOf({ error, at }: Reading): number {
    return error + (this.#monotonic() - at) * DRIFT
  }

  #aheadMs(): number {
    return this.#machine() - this.#monotonic() - this.#measured().offset
  }

  #measured(): Reading {
    if (!this.#best) throw new Error('The clock was read before it was measured.')
    return this.#best
  }
}

/** The database's clock as a column: unix milliseconds with fractions. */
export const databaseTime = (sql: Sql) => sql`(extract(epoch from clock_timestamp()) * 1000)::double precision`
