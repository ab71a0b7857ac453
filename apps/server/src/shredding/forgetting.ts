import type { Sql } from '@stewrd/db/connect.ts'
import { destroyedCount } from '@stewrd/db/shredding/shredding.ts'

/** Takes out of this server's memory what was destroyed elsewhere: opened keys, states, configurations. */
export class Forgetting {
  readonly #db: { sql: Sql }
  readonly #parts: (() => void)[]
  #count = 0

  constructor(sql: Sql, parts: readonly (() => void)[]) {
    this.#db = { sql }
    this.#parts = [...parts]
  }

  /** `forget` is called whenever keys of some project were destroyed. It may drop more than needed. */
  add(forget: () => void): void {
    this.#parts.push(forget)
  }

  /** Of how many projects nothing is in memory any more, looked up anew. */
  async look(): Promise<number> {
    const count = await destroyedCount(this.#db.sql)
    if (count > this.#count) for (const forget of this.#parts) forget()
    this.#count = count
    return count
  }
}
