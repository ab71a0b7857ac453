import { GENESIS } from '@stewrd/crypto/chain.ts'
import type { Digest } from '@stewrd/crypto/digest.ts'
import type { Sql, Tx } from './connect.ts'
import { run } from './db-error.ts'
import { plainArray } from './sql-array.ts'

const KEPT = 20_000
const genesis = GENESIS.toString('latin1')

/** An event by its stream, of which `streamName` is the same for each, and its place there. */
export type InStream = { seq: number; streamName: string; stream: { accountId: string; stream: string } }

type End = { seq: number; chain: Digest }

/** Where streams were seen to end: of the last ones, so that memory stays flat however many there are. The others are looked up. */
export class ChainEnds {
  readonly #db: { sql: Sql | Tx }
  readonly #kept: number
  #young = new Map<string, End>()
  #old = new Map<string, End>()
  #found = new Map<string, Digest>()
  /** What was asked for last is what is set next. */
  #last: { stream: string; end: End | undefined } = { stream: '', end: undefined }

  constructor(sql: Sql | Tx, kept = KEPT) {
    this.#db = { sql }
    this.#kept = kept
  }

  /** The chain of the event before `place`, if it is known. */
  before(stream: string, place: InStream): Digest | undefined {
    if (place.seq === 1) return genesis
    const end = this.#end(stream)
    return end?.seq === place.seq - 1 ? end.chain : undefined
  }

  /** The same for one that is not known, with those of the places after it. Undefined: there is no such event. */
  async find(places: readonly InStream[], at: number): Promise<Digest | undefined> {
    const place = places[at]!
    const name = `${place.streamName} ${place.seq}`
    if (!this.#found.has(name)) await this.#lookUp(places.slice(at))
    return this.#found.get(name)
  }

  set(stream: string, seq: number, chain: Digest): void {
    const end = this.#end(stream)
    if (end) {
      end.seq = seq
      end.chain = chain
    } else this.#keep(stream, { seq, chain })
  }

  #end(stream: string): End | undefined {
    if (this.#last.end === undefined || this.#last.stream !== stream) this.#last = { stream, end: this.#seen(stream) }
    return this.#last.end
  }

  #seen(stream: string): End | undefined {
    const young = this.#young.get(stream)
    if (young) return young
    const old = this.#old.get(stream)
    if (old) this.#keep(stream, old)
    return old
  }

  #keep(stream: string, end: End): void {
    this.#young.set(stream, end)
    if (this.#young.size < this.#kept) return
    this.#old = this.#young
    this.#young = new Map()
  }

  async #lookUp(places: readonly InStream[]): Promise<void> {
    const unknown = places.filter((place) => place.seq > 1 && this.before(place.streamName, place) === undefined)
    const of = unknown.map((place) => place.stream)
    const rows = await run(this.#db.sql<{ nth: number; chain: Buffer }[]>`
      select w.nth, e.chain
      from unnest(${plainArray(of.map((o) => o.accountId))}::uuid[], ${of.map((o) => o.stream)}::text[], ${plainArray(unknown.map((p) => p.seq))}::bigint[])
        with ordinality as w(account_id, stream, seq, nth)
      join events e on e.account_id = w.account_id and e.stream = w.stream and e.seq = w.seq - 1`)
    this.#found = new Map(
      rows.map(({ nth, chain }) => {
        const place = unknown[nth - 1]!
        return [`${place.streamName} ${place.seq}`, chain.toString('latin1')]
      }),
    )
  }
}
