import type { Sql } from '@stewrd/db/connect.ts'
import type { StoredCheckpoint } from '@stewrd/db/log-tree/checkpoints.ts'
import { latestCheckpoint } from '@stewrd/db/log-tree/checkpoints.ts'
import { Loop } from '@stewrd/db/loop.ts'

/** Checkpoints by another node are seen within this time. */
const LOOK_MS = 300

/** The newest checkpoint, as every node knows it. */
export class Published {
  readonly #db: { sql: Sql }
  readonly #loop: Loop
  #latest: StoredCheckpoint | undefined

  constructor(sql: Sql) {
    this.#db = { sql }
    const look = async () => {
      await this.refresh()
      return false
    }
    // Away with the database: the last one known is served.
    this.#loop = new Loop({ step: look, idleMs: { from: LOOK_MS, to: LOOK_MS }, gatherMs: 0, onError: () => {} })
  }

  start(): void {
    this.#loop.start()
  }

  stop(): Promise<void> {
    return this.#loop.stop()
  }

  /** There is a newer one. */
  poke(): void {
    this.#loop.poke()
  }

  get latest(): StoredCheckpoint | undefined {
    return this.#latest
  }

  async refresh(): Promise<StoredCheckpoint | undefined> {
    const found = await latestCheckpoint(this.#db.sql)
    if (found && found.size > (this.#latest?.size ?? 0)) this.#latest = found
    return this.#latest
  }
}
