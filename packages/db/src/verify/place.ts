import type { Digest } from '@stewrd/crypto/digest.ts'
import { digest } from '@stewrd/crypto/digest.ts'
import { LEAF_FORMAT } from '@stewrd/crypto/log-leaf.ts'
import { leafDigest } from '@stewrd/crypto/merkle.ts'
import type { Tx } from '../connect.ts'
import type { Places } from '../copy-binary.ts'
import { copyChunks, int8, sameBytes, wholeMs } from '../copy-binary.ts'
import { keyOf } from '../stored-event.ts'
import type { StoredEvent } from '../stored-event.ts'

/** The first columns are what a leaf of the log's tree binds, each behind its length, as `copy` sends them. */
const columns = `'${LEAF_FORMAT}'::text, account_id::text, stream, seq`
const HASH = Buffer.of(0, 0, 0, 32)
const leaves: Buffer[] = []

/** Of so many bytes: all begin at the same place. */
let leaf = new ArrayBuffer(1024)
function leafOf(length: number): Buffer {
  if (length > leaf.byteLength) {
    leaf = new ArrayBuffer(2 * length)
    leaves.length = 0
  }
  return (leaves[length] ??= Buffer.from(leaf, 0, length))
}

/** A place of the log, or of the queue before it: the event that it names, and what it says of it. */
export class Place {
  readonly key: number
  /** Undefined for an event that waits for its place. */
  readonly index: number | undefined
  readonly seq: number
  readonly #bytes: Buffer
  readonly #at: Places
  readonly #from: number

  constructor(bytes: Buffer, at: Places, logged: boolean, from = 0) {
    this.#bytes = bytes
    this.#at = at
    this.#from = from
    this.seq = int8(bytes, at[from + 6])
    this.index = logged ? int8(bytes, at[from + 16]) : undefined
    this.key = keyOf(bytes, at[from + 5]!)
  }

  /** Equal for places of one stream. */
  get streamName(): string {
    return this.#bytes.toString('latin1', this.#startOf(1), this.#endOf(2))
  }

  get stream(): { accountId: string; stream: string } {
    const text = (i: number) => this.#bytes.toString('utf8', this.#startOf(i), this.#endOf(i))
    return { accountId: text(1), stream: text(2) }
  }

  names(e: StoredEvent): boolean {
    return this.#same(2, e, 3) && this.#same(1, e, 1) && this.seq === e.seq
  }

  /** The log's copies of the event's columns are those of the event. */
  agrees(e: StoredEvent): boolean {
    if (this.index === undefined) return true
    return (
      this.#same(4, e, 2) &&
      this.#same(5, e, 6) &&
      this.#same(6, e, 10) &&
      wholeMs(this.#bytes, this.#startOf(7)) === e.ms
    )
  }

  /** The hash that this entry must have in the log's tree. */
  leaf(chain: Digest): Digest {
    const [from, to] = [this.#startOf(0) - 4, this.#endOf(3)]
    const data = leafOf(to - from + 36)
    this.#bytes.copy(data, 0, from, to)
    data.set(HASH, to - from)
    data.write(chain, to - from + 4, 'latin1')
    return leafDigest(digest(data))
  }

  /** Whether a column is that of the event. */
  #same(i: number, e: StoredEvent, column: number): boolean {
    const [from, other] = [this.#startOf(i), e.startOf(column)]
    const length = this.#endOf(i) - from
    return length === e.endOf(column) - other && sameBytes(this.#bytes, from, e.bytes, other, length)
  }
  #startOf(i: number): number {
    return this.#at[this.#from + 2 * i]!
  }
  #endOf(i: number): number {
    return this.#at[this.#from + 2 * i + 1]!
  }
}

/** Everything that has a place in the log, in its order. */
export const loggedPlaces = (tx: Tx) =>
  copyChunks(
    tx,
    `select ${columns}, project_id::text, type, actor, at, idx from log order by idx`,
    (bytes, at, from) => new Place(bytes, at, true, from),
  )
/** Everything that waits for its place. */
export const waitingPlaces = (tx: Tx) =>
  copyChunks(
    tx,
    `select ${columns} from outbox order by stream, seq`,
    (bytes, at, from) => new Place(bytes, at, false, from),
  )
