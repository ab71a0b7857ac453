import type { Sql, Tx } from '@stewrd/db/connect.ts'
import { dbError, run } from '@stewrd/db/db-error.ts'
import type { Logger } from 'pino'
import type { Db, Job } from 'pg-boss'
import { PgBoss } from 'pg-boss'
import { errorFields } from './log.ts'

/** A server that dies in the middle of a job is missed after this time; then another one takes the job up. */
const HEARTBEAT_SECONDS = 10
const LOOK_SECONDS = 2
const STOP_WITHIN_MS = 4_000

export type JobMeta = {
  /** Of jobs with the same key one waits or runs at a time; what is sent besides is dropped. */
  key: string
  /** Jobs of one group leave room for those of others. */
  group: string
  afterMs?: number
}
/** Carries out a job. What it throws is tried again; `finish` ends the job as a part of a transaction. */
export type JobHandler = (key: string, finish: (tx: Tx) => Promise<void>) => Promise<void>

/** Jobs that any server takes up, on pg-boss. A job carries its key and nothing else: whoever reads the tables learns nothing. */
export class Jobs {
  readonly #boss: PgBoss
  readonly #log: Logger

  constructor(sql: Sql, log: Logger) {
    this.#log = log
    this.#boss = new PgBoss({
      db: { ...databaseOf(sql), listen: listenOn(sql) },
      schema: 'pgboss',
      // The tables are made by our migrations, as their owner: see 0053_jobs.sql.
      migrate: false,
      createSchema: false,
      schedule: false,
      reindex: false,
      monitorVacuum: false,
      registerInstance: false,
      useListenNotify: true,
      superviseIntervalSeconds: LOOK_SECONDS,
      monitorIntervalSeconds: LOOK_SECONDS,
    })
    this.#boss.on('error', (error) =>
      log.warn({ err: errorFields(error), part: 'jobs' }, 'a look failed, and is repeated'),
    )
    this.#boss.on('warning', () => {})
  }

  /** Works on a queue with `at` jobs at a time, until `stop`. */
  async start(queue: string, at: number, handler: JobHandler): Promise<void> {
    await this.#boss.start()
    await this.#boss.createQueue(queue, {
      policy: 'exclusive',
      heartbeatSeconds: HEARTBEAT_SECONDS,
      retryLimit: 1000,
      retryDelay: 1,
      retryBackoff: true,
      retryDelayMax: 60,
      expireInSeconds: 120,
      deleteAfterSeconds: 3600,
      notify: true,
    })
    const options = {
      localConcurrency: at,
      localGroupConcurrency: Math.max(1, at / 2),
      pollingIntervalSeconds: 1,
      notifyPollingIntervalSeconds: 1,
    }
    const worker = await this.#boss.work<{ key: string }>(queue, options, async ([job]) => {
      if (job) await this.#carryOut(queue, job, handler)
      // Where one job was there may be more: do not wait for the next look.
      this.#boss.notifyWorker(worker)
    })
  }

  /** As a part of `tx`, so that a job is there when what it is about is there. */
  async send(tx: Sql | Tx, queue: string, jobs: readonly JobMeta[]): Promise<void> {
    if (jobs.length === 0) return
    const rows = jobs.map(({ key, group, afterMs = 0 }) => ({
      data: { key },
      singletonKey: key,
      group: { id: group },
      // A number is counted from the database's time.
      ...(afterMs > 0 && { startAfter: afterMs / 1000 }),
    }))
    await this.#boss.insert(queue, rows, { db: databaseOf(tx) })
  }

  /** Waits for what is being done, for some seconds at most. What is left over is taken up by others, or after the next start. */
  async stop(): Promise<void> {
    await this.#boss.stop({ graceful: true, close: false, timeout: STOP_WITHIN_MS }).catch(() => {})
  }

  async #carryOut(queue: string, job: Job<{ key: string }>, handler: JobHandler): Promise<void> {
    try {
      await handler(job.data.key, async (tx) => {
        await this.#boss.complete(queue, job.id, undefined, { db: databaseOf(tx) })
      })
    } catch (error) {
      this.#log.warn({ err: errorFields(error), part: 'jobs', queue }, 'a job failed, and is tried again')
      // pg-boss keeps what a handler throws in its tables: not a word of it.
      throw new JobInterrupted()
    }
  }
}

class JobInterrupted extends Error {
  override readonly name = 'JobInterrupted'
  constructor() {
    super('the job was interrupted')
    delete this.stack
  }
}

/** Our connections, as pg-boss asks for them. Statements without values may be several in one text, and are sent as they are. */
const databaseOf = (sql: Sql | Tx): Db => ({
  async executeSql(text, values) {
    if (values?.length) return { rows: rowsOf(await run(sql.unsafe(text, values as never[]))) }
    const script = /^\s*BEGIN;([\s\S]*)COMMIT;\s*$/.exec(text)?.[1]
    // A transaction needs one connection of the pool to itself, which is what `begin` gives.
    const done = script && 'begin' in sql ? sql.begin((tx) => tx.unsafe(script).simple()) : sql.unsafe(text).simple()
    return { rows: rowsOf(await run(done)) }
  },
})

/** Of several statements each gives rows of its own. */
function rowsOf(result: unknown): unknown[] {
  const list = result as unknown[]
  return list.some(Array.isArray) ? list.flat() : [...list]
}

const listenOn =
  (sql: Sql): NonNullable<Db['listen']> =>
  async (channel, onNotification, onReconnect) => {
    try {
      const { unlisten } = await sql.listen(channel, onNotification, onReconnect)
      return { close: unlisten }
    } catch (error) {
      throw dbError(error)
    }
  }
