import { randomUUID } from 'node:crypto'
import type { Sql } from '../connect.ts'
import { run } from '../db-error.ts'

const SECONDS = 5
/** So long one that somebody else holds is not asked for again. */
const LOOK_MS = 100

/** The right to be the only one who does `name`. Writers compare `epoch` in the statement that writes. */
export class Lease {
  readonly #db: { sql: Sql }
  readonly name: string
  readonly #holder: string
  #epoch: number | undefined
  #renewAt = 0
  #lookAt = 0

  constructor(sql: Sql, name: string, node: string) {
    this.#db = { sql }
    this.name = name
    this.#holder = `${node}/${randomUUID()}`
  }

  get epoch(): number | undefined {
    return this.#epoch
  }

  /** Takes it if it is free, keeps it alive if it is ours. Undefined while somebody else has it. */
  async hold(): Promise<number | undefined> {
    if (this.#epoch === undefined) this.#epoch = performance.now() < this.#lookAt ? undefined : await this.#acquire()
    else if (performance.now() >= this.#renewAt && !(await this.#renew())) this.#epoch = undefined
    return this.#epoch
  }

  /** Asks the database whether it is still ours. */
  async verify(): Promise<void> {
    if (this.#epoch !== undefined && !(await this.#renew())) this.#epoch = undefined
  }

  async release(): Promise<void> {
    if (this.#epoch === undefined) return
    const epoch = this.#epoch
    this.#epoch = undefined
    await run(
      this.#db.sql`update leases set expires_at = '-infinity' where name = ${this.name} and epoch = ${epoch}`,
    ).catch(() => {})
  }

  async #acquire(): Promise<number | undefined> {
    const until = this.#db.sql`clock_timestamp() + ${SECONDS} * interval '1 second'`
    const [lease] = await run(this.#db.sql<{ epoch: number }[]>`
      insert into leases as l (name, epoch, holder, expires_at) values (${this.name}, 1, ${this.#holder}, ${until})
      on conflict (name) do update set epoch = l.epoch + 1, holder = excluded.holder, expires_at = ${until}
        where l.expires_at < clock_timestamp()
      returning epoch`)
    this.#renewAt = performance.now() + (SECONDS * 1000) / 3
    // One that was had and is lost again may be asked for at once.
    if (!lease) this.#lookAt = performance.now() + LOOK_MS
    return lease?.epoch
  }

  async #renew(): Promise<boolean> {
    this.#renewAt = performance.now() + (SECONDS * 1000) / 3
    const renewed = await run(this.#db.sql`
      update leases set expires_at = clock_timestamp() + ${SECONDS} * interval '1 second'
      where name = ${this.name} and epoch = ${this.#epoch!} and expires_at > clock_timestamp()`)
    return renewed.count > 0
  }
}
