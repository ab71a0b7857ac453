import type { Digest } from '@stewrd/crypto/digest.ts'
import { digest } from '@stewrd/crypto/digest.ts'
import { LEAF_FORMAT } from '@stewrd/crypto/log-leaf.ts'
import { leafDigest } from '@stewrd/crypto/merkle.ts'
import type { Tx } from '../connect.ts'
import type { Places } from '../copy-binary.ts'
import { copyChunks, int8, wholeMs } from '../copy-binary.ts'
import { keyOf } from '../stored-event.ts'
import type { StoredEvent } from '../stored-event.ts'

/** The first columns are what a leaf of the log's tree binds, each behind its length, as `copy` sends them. */
const columns = `'${LEAF_FORMAT}'::text, account_id::text, stream, seq`
const HASH = Buffer.of(0, 0, 0, 32)
let leaf = Buffer.alloc(1024)

/** A place of the log, or of the queue before it: the event that it names, and what it says of it. */
export class Place {
  readonly key: number
  /** Undefined for an event that waits for its place. */
  readonly index: number | undefined
  readonly seq: number
  readonly #bytes: Buffer
  readonly #from: number
  readonly #account: number
  readonly #stream: number
  readonly #streamEnd: number
  readonly #seqEnd: number
  readonly #copies: number

  constructor(bytes: Buffer, at: Places, logged: boolean) {
    this.#bytes = bytes
    this.#from = at[0]! - 4
    this.#account = at[2]!
    this.#stream = at[4]!
    this.#streamEnd = at[5]!
    this.#seqEnd = at[7]!
    this.seq = int8(bytes, at[6])
    this.index = logged ? int8(bytes, at[16]) : undefined
    this.#copies = logged ? at[8]! - 4 : -1
    this.key = keyOf(bytes, at[5]!)
  }

  /** Equal for places of one stream. */
  get streamName(): string {
    return this.#bytes.toString('latin1', this.#account, this.#streamEnd)
  }

  get stream(): { accountId: string; stream: string } {
    const text = (from: number, to: number) => this.#bytes.toString('utf8', from, to)
    return { accountId: text(this.#account, this.#stream - 4), stream: text(this.#stream, this.#streamEnd) }
  }

  names(e: StoredEvent): boolean {
    return (
      this.#has(this.#stream, this.#seqEnd, e.bytes, e.streamAt, e.seqEnd) &&
      this.#has(this.#account, this.#stream - 4, e.bytes, e.account, e.project - 4)
    )
  }

  /** The log's copies of the event's columns are those of the event. */
  agrees(e: StoredEvent): boolean {
    if (this.#copies < 0) return true
    let at = this.#copies
    const next = (from: number, to: number) => {
      const start = at
      at = start + 4 + this.#bytes.readInt32BE(start)
      return this.#has(start + 4, at, e.bytes, from, to)
    }
    return (
      next(e.project, e.streamAt - 4) &&
      next(e.typeAt, e.typeEnd) &&
      next(e.actor, e.actorEnd) &&
      wholeMs(this.#bytes, at + 4) === e.ms
    )
  }

  /** The hash that this entry must have in the log's tree. */
  leaf(chain: Digest): Digest {
    const length = this.#seqEnd - this.#from
    if (length + 36 > leaf.length) leaf = Buffer.alloc(2 * (length + 36))
    this.#bytes.copy(leaf, 0, this.#from, this.#seqEnd)
    leaf.set(HASH, length)
    leaf.write(chain, length + 4, 'latin1')
    return leafDigest(digest(leaf.subarray(0, length + 36)))
  }

  #has(from: number, to: number, bytes: Buffer, otherFrom: number, otherTo: number): boolean {
    return this.#bytes.compare(bytes, otherFrom, otherTo, from, to) === 0
  }
}

/** Everything that has a place in the log, in its order. */
export const loggedPlaces = (tx: Tx) =>
  copyChunks(
    tx,
    `select ${columns}, project_id::text, type, actor, at, idx from log order by idx`,
    (bytes, at) => new Place(bytes, at, true),
  )
/** Everything that waits for its place. */
export const waitingPlaces = (tx: Tx) =>
  copyChunks(tx, `select ${columns} from outbox order by stream, seq`, (bytes, at) => new Place(bytes, at, false))
