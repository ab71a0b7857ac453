import { setTimeout as wait } from 'node:timers/promises'
import type { Sql } from '@stewrd/db/connect.ts'
import { connect, disconnect } from '@stewrd/db/connect.ts'
import { onDeadline } from '@stewrd/db/deadline.ts'
import type { Access } from '@stewrd/db/logins.ts'

export type WatchTimes = {
  /** What a look may take before the database counts as away. */
  answerMs: number
  everyMs: number
  /** Failed looks in a row after which a connection of its own is tried. Looks, not time: a process that slept has not looked. */
  looks: number
}
const times: WatchTimes = { answerMs: 2_000, everyMs: 5_000, looks: 12 }

/** Whether the database answers on the connections that the server uses. */
export class DatabaseWatch {
  readonly #sql: Sql
  readonly #access: Access
  readonly #times: WatchTimes
  #look: { answers: Promise<boolean>; since: number } | undefined
  #stopped = new AbortController()

  constructor({ sql, access, times: given }: { sql: Sql; access: Access; times?: WatchTimes | undefined }) {
    this.#sql = sql
    this.#access = access
    this.#times = given ?? times
  }

  /** Callers at the same time share a look; one that takes too long is left to itself, on a connection that may be dead. */
  ready(): Promise<boolean> {
    const now = performance.now()
    if (!this.#look || now - this.#look.since >= this.#times.answerMs) {
      const answers = answered(this.#sql).finally(() => {
        if (this.#look?.answers === answers) this.#look = undefined
      })
      this.#look = { answers, since: now }
    }
    return within(this.#look.answers, this.#times.answerMs)
  }

  /** Calls `onStuck` once, when nothing has answered for `looks` looks although a fresh connection works. */
  start(onStuck: () => void): void {
    void this.#watch(onStuck)
  }

  stop(): void {
    this.#stopped.abort()
  }

  async #watch(onStuck: () => void): Promise<void> {
    const { signal } = this.#stopped
    const { everyMs } = this.#times
    let took = 0
    for (let failed = 0; !signal.aborted; ) {
      await wait(Math.max(0, everyMs - took), undefined, { signal, ref: false }).catch(() => {})
      const began = performance.now()
      failed = (await this.ready()) ? 0 : failed + 1
      took = performance.now() - began
      if (signal.aborted || failed < this.#times.looks || !(await this.#freshAnswers())) continue
      // Meanwhile the pool may have recovered.
      if (!signal.aborted && !(await this.ready())) return onStuck()
    }
  }

  async #freshAnswers(): Promise<boolean> {
    const { target, role } = this.#access
    const fresh = connect(target, { max: 1, role, applicationName: 'stewrd watch' })
    try {
      return await within(answered(fresh), this.#times.answerMs)
    } finally {
      await disconnect(fresh, 1)
    }
  }
}

const answered = (sql: Sql): Promise<boolean> =>
  sql`select 1`.then(
    () => true,
    () => false,
  )

function within(answer: Promise<boolean>, ms: number): Promise<boolean> {
  const late = Promise.withResolvers<boolean>()
  const answered = onDeadline(ms, () => late.resolve(false))
  return Promise.race([answer, late.promise]).finally(answered)
}
