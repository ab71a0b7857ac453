import type { Tx } from '@stewrd/db/connect.ts'
import { dbError } from '@stewrd/db/db-error.ts'
import { Loop } from '@stewrd/db/loop.ts'
import type { Delivery } from '@stewrd/db/webhooks/deliveries.ts'
import * as db from '@stewrd/db/webhooks/deliveries.ts'
import { Outlet } from '@stewrd/db/webhooks/outlet.ts'
import type { Logger } from 'pino'
import type { Jobs } from '../kernel/jobs.ts'
import { errorFields } from '../kernel/log.ts'
import type { Platform } from '../platform.ts'
import type { Attempt, Sender } from './attempt.ts'
import { attempt } from './attempt.ts'
import { dueDeliveries, toldTypes } from './due.ts'
import { sweep } from './sweep.ts'

const QUEUE = 'webhooks'
const AT_ONCE = 4

export type WebhookTimes = {
  /** Between an attempt that failed and the next, in order; how many there are says how many attempts follow the first. */
  retryMs: readonly number[]
  timeoutMs: number
  /** A pending delivery that is so late has lost its job, as after a restore, and gets another. */
  lateMs: number
  sweepMs: number
}
/** At once, after 30 s, after 5 min. */
export const contractTimes: WebhookTimes = {
  retryMs: [30_000, 300_000],
  timeoutMs: 10_000,
  lateMs: 60_000,
  sweepMs: 15_000,
}

export type WorkerSource = Omit<Sender, 'timeoutMs' | 'stopped'> &
  Pick<Platform, 'sql' | 'node' | 'projector' | 'metering' | 'clock'>

/** Sends what has to be sent: follows the log, keeps the jobs, tries, and notes what came of it. */
export class WebhookWorker {
  readonly #platform: WorkerSource
  readonly #jobs: Jobs
  readonly #times: WebhookTimes
  readonly #outlet: Outlet
  readonly #sweeper: Loop
  #stopping = new AbortController()

  constructor(platform: WorkerSource, jobs: Jobs, log: Logger, times: WebhookTimes = contractTimes) {
    this.#platform = platform
    this.#jobs = jobs
    this.#times = times
    const onError = (error: unknown) =>
      log.warn({ err: errorFields(error), part: 'webhooks' }, 'a step failed, and is tried again')
    this.#outlet = new Outlet({
      sql: platform.sql,
      node: platform.node,
      types: toldTypes,
      judge: async (found) => {
        const due = await dueDeliveries(platform, found)
        return due.length === 0 ? undefined : (tx) => this.add(tx, due)
      },
      onError,
    })
    const sweeping = { ...platform, add: (due: readonly db.NewDelivery[]) => this.#begin((tx) => this.add(tx, due)) }
    this.#sweeper = new Loop({
      step: async () => {
        await this.#rescue()
        await sweep(sweeping, onError)
        return false
      },
      idleMs: { from: times.sweepMs, to: times.sweepMs },
      gatherMs: 0,
      onError,
    })
  }

  async start(): Promise<void> {
    this.#stopping = new AbortController()
    await this.#jobs.start(QUEUE, AT_ONCE, (id, finish) => this.#deliver(id, finish))
    this.#outlet.start()
    this.#sweeper.start()
  }

  async stop(): Promise<void> {
    await this.#outlet.stop()
    await this.#sweeper.stop()
    await this.#jobs.stop()
    // Its patience is over: a receiver that hangs holds nobody up.
    this.#stopping.abort()
  }

  /** Enters deliveries and their jobs, as a part of `tx`. */
  async add(tx: Tx, deliveries: readonly db.NewDelivery[]): Promise<void> {
    const added = new Set(await db.addDeliveries(tx, this.#platform.accountId, deliveries))
    const jobs = deliveries.filter(({ id }) => added.has(id))
    await this.#jobs.send(
      tx,
      QUEUE,
      jobs.map(({ id, projectId }) => ({ key: id, group: projectId })),
    )
  }

  /** Enters one that is sent at once. */
  addNow(delivery: db.NewDelivery): Promise<void> {
    return this.#begin((tx) => this.add(tx, [delivery]))
  }

  /** Tries a delivery that has ended anew, with all its attempts. False while it is pending. */
  retry({ id, projectId }: Pick<Delivery, 'id' | 'projectId'>): Promise<boolean> {
    return this.#begin(async (tx) => {
      const attempts = 1 + this.#times.retryMs.length
      const reopened = await db.reopenDelivery(tx, this.#platform.accountId, id, attempts)
      if (reopened) await this.#jobs.send(tx, QUEUE, [{ key: id, group: projectId }])
      return reopened
    })
  }

  /** One attempt. Its outcome, the end of its job and the job of the next attempt are one transaction. */
  async #deliver(id: string, finish: (tx: Tx) => Promise<void>): Promise<void> {
    const { sql, accountId } = this.#platform
    const delivery = await db.deliveryOfId(sql, accountId, id)
    if (delivery?.status !== 'pending') return
    const { timeoutMs } = this.#times
    const tried = await attempt({ ...this.#platform, timeoutMs, stopped: this.#stopping.signal }, delivery)
    await this.#begin(async (tx) => {
      await finish(tx)
      if (tried.kind === 'gone') return void (await db.dropDelivery(tx, accountId, id))
      const outcome = this.#outcomeOf(delivery, tried)
      const noted = await db.recordAttempt(tx, accountId, delivery, outcome)
      if (!noted || outcome.error === null || outcome.retryInMs === null) return
      await this.#jobs.send(tx, QUEUE, [{ key: id, group: delivery.projectId, afterMs: outcome.retryInMs }])
    })
  }

  #outcomeOf({ attempts, lastAttempt }: Delivery, tried: Exclude<Attempt, { kind: 'gone' }>): db.Outcome {
    if (tried.kind === 'hindered') return { responseCode: null, error: tried.error, latencyMs: null, retryInMs: null }
    const { responseCode, error, latencyMs } = tried
    const left = lastAttempt - attempts - 1
    const retryInMs = error !== null && left > 0 ? (this.#times.retryMs.at(-left) ?? 0) : null
    return { responseCode, error, latencyMs, retryInMs }
  }

  /** Jobs are not in backups, and can be lost: what is due and has none gets one. Where there is one, this changes nothing. */
  async #rescue(): Promise<void> {
    const { sql, accountId } = this.#platform
    const late = await db.lateDeliveries(sql, accountId, this.#times.lateMs)
    await this.#jobs.send(
      sql,
      QUEUE,
      late.map(({ id, projectId }) => ({ key: id, group: projectId })),
    )
  }

  async #begin<T>(work: (tx: Tx) => Promise<T>): Promise<T> {
    try {
      return (await this.#platform.sql.begin(work)) as T
    } catch (error) {
      throw dbError(error)
    }
  }
}
