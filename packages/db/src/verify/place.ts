import type { Tx } from '../connect.ts'
import type { Places } from '../copy-binary.ts'
import { copyChunks, int8, sameBytes, wholeMs } from '../copy-binary.ts'
import { keyOf } from '../stored-event.ts'
import type { StoredEvent } from '../stored-event.ts'

const columns = 'account_id, stream, seq'
/** The characters of each byte in hex, and where the two of each byte of a uuid lie in its text. */
const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))
const HIGH = Uint8Array.from(HEX, (hex) => hex.charCodeAt(0))
const LOW = Uint8Array.from(HEX, (hex) => hex.charCodeAt(1))
const DIGITS = [0, 2, 4, 6, 9, 11, 14, 16, 19, 21, 24, 26, 28, 30, 32, 34]
const UUID_CHARACTERS = 36

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
    this.seq = int8(bytes, at[from + 4])
    this.index = logged ? int8(bytes, at[from + 14]) : undefined
    this.key = keyOf(bytes, at[from + 3]!)
  }

  /** Equal for places of one stream. */
  get streamName(): string {
    return this.#bytes.toString('latin1', this.#startOf(0), this.#endOf(1))
  }

  get stream(): { accountId: string; stream: string } {
    const account = this.#bytes.toString('hex', this.#startOf(0), this.#endOf(0))
    const accountId = account.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
    return { accountId, stream: this.#bytes.toString('utf8', this.#startOf(1), this.#endOf(1)) }
  }

  names(e: StoredEvent): boolean {
    return this.seq === e.seq && this.#same(1, e, 3) && this.#sameId(0, e, 1)
  }

  /** The log's copies of the event's columns are those of the event. */
  agrees(e: StoredEvent): boolean {
    if (this.index === undefined) return true
    return (
      this.#sameId(3, e, 2) &&
      this.#same(4, e, 6) &&
      this.#same(5, e, 10) &&
      wholeMs(this.#bytes, this.#startOf(6)) === e.ms
    )
  }

  /** Whether a column is that of the event. */
  #same(i: number, e: StoredEvent, column: number): boolean {
    const from = this.#startOf(i)
    const other = e.startOf(column)
    const length = this.#endOf(i) - from
    return length === e.endOf(column) - other && sameBytes(this.#bytes, from, e.bytes, other, length)
  }
  /** The same of a uuid, of which the event has the text, as Postgres makes it. */
  #sameId(i: number, e: StoredEvent, column: number): boolean {
    const from = this.#startOf(i)
    const text = e.startOf(column)
    if (e.endOf(column) - text !== UUID_CHARACTERS) return false
    for (let b = 0; b < 16; b++) {
      const byte = this.#bytes[from + b]!
      const at = text + DIGITS[b]!
      if (e.bytes[at] !== HIGH[byte] || e.bytes[at + 1] !== LOW[byte]) return false
    }
    return true
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
    `select ${columns}, project_id, type, actor, at, idx from log order by idx`,
    (bytes, at, from) => new Place(bytes, at, true, from),
  )
/** Everything that waits for its place. */
export const waitingPlaces = (tx: Tx) =>
  copyChunks(
    tx,
    `select ${columns} from outbox order by stream, seq`,
    (bytes, at, from) => new Place(bytes, at, false, from),
  )
