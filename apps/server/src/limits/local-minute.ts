import { Refusal } from '@stewrd/core/kernel/errors.ts'
import { LRUCache } from 'lru-cache'

const MINUTE_MS = 60_000
/** So long a refusal of the database is repeated without asking again: a limit that was raised is seen after it. */
const REPEATED_MS = 1_000

type Minute = { began: number[]; full: { limit: number; until: number; resetAt: number } | undefined }
/** A place that a start holds. `keep`: it was begun, or nobody knows. `refused`: the database says that the minute is full. */
export type Place = { giveBack(): void; refused(retryAfter: number): void }

/**
 * What this node alone lets through: never more than the limit in 60 seconds, whether or not the database answers. It is never stricter
 * than the database, where every node counts; it keeps those out who would only wait for a refusal, above all while the database is slow.
 */
export class LocalMinute {
  readonly #now: () => number
  readonly #minutes = new LRUCache<string, Minute>({ max: 10_000 })

  constructor(now: () => number = () => performance.now()) {
    this.#now = now
  }

  /** Throws RATE_LIMITED. */
  take(projectId: string, limit: number): Place {
    const minute = this.#minutes.get(projectId) ?? { began: [], full: undefined }
    this.#minutes.set(projectId, minute)
    const now = this.#now()
    const refuse = (until: number): never => {
      throw new Refusal('RATE_LIMITED', { perMinute: limit, retryAfter: Math.max(1, Math.ceil((until - now) / 1000)) })
    }
    const { full } = minute
    if (full?.limit === limit && now < full.until) refuse(full.resetAt)
    minute.began = minute.began.filter((at) => now - at < MINUTE_MS)
    if (minute.began.length >= limit) refuse(minute.began[0]! + MINUTE_MS)
    minute.began.push(now)
    const giveBack = () => {
      const i = minute.began.indexOf(now)
      if (i >= 0) minute.began.splice(i, 1)
    }
    return {
      giveBack,
      refused(retryAfter) {
        giveBack()
        minute.full = { limit, until: now + REPEATED_MS, resetAt: now + retryAfter * 1000 }
      },
    }
  }
}
