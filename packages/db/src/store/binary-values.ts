// The types of Postgres by their fixed numbers, and its epoch.
const OID = {
  int: 23,
  ints: 1007,
  bigint: 20,
  bigints: 1016,
  uuid: 2950,
  text: 25,
  texts: 1009,
  bytea: 17,
  timestamptz: 1184,
}
const EPOCH_MS = Date.UTC(2000, 0, 1)
const DASH = 0x2d
const DIGITS = Uint8Array.from({ length: 128 }, (_, char) => Number.parseInt(String.fromCharCode(char), 16) || 0)
const MOST_OF_A_FIELD = 16
const ARRAY_HEADER = 20

const viewOf = ({ buffer, byteOffset, byteLength }: Buffer) => new DataView(buffer, byteOffset, byteLength)

/** Values in the binary format of Postgres, one after the other. `typed`: each behind the number of its type, as in a row. */
class BinaryValues {
  readonly #typed: boolean
  protected buffer: Buffer
  /** The same bytes: a number is written to it by one instruction. */
  protected view: DataView
  protected at: number

  /** `size`: about how many bytes there will be. `from`: what comes before the values. */
  constructor(size: number, from: number, typed: boolean) {
    this.#typed = typed
    this.buffer = Buffer.allocUnsafe(Math.max(size, 256))
    this.view = viewOf(this.buffer)
    this.at = from
  }

  int(value: number): this {
    this.#field(OID.int, 4)
    this.int32(value)
    return this
  }

  ints(values: readonly number[]): this {
    return this.#array(OID.ints, OID.int, values, 4, (value) => {
      this.int32(4)
      this.int32(value)
    })
  }

  bigints(values: readonly number[]): this {
    return this.#array(OID.bigints, OID.bigint, values, 8, (value) => {
      this.int32(8)
      this.int64(value)
    })
  }

  texts(values: readonly string[]): this {
    const longest = values.reduce((most, { length }) => Math.max(most, length), 0)
    return this.#array(OID.texts, OID.text, values, longest * 3, (value) => this.#text(value))
  }

  /** A whole number that a double holds exactly. */
  bigint(value: number): this {
    this.#field(OID.bigint, 8)
    this.int64(value)
    return this
  }

  /** Unix milliseconds. */
  time(ms: number): this {
    this.#field(OID.timestamptz, 8)
    this.int64((ms - EPOCH_MS) * 1000)
    return this
  }

  /** In its usual form, with dashes. */
  uuid(value: string): this {
    this.#field(OID.uuid, 16)
    const { buffer } = this
    let { at } = this
    for (let i = 0; i < 36; i += 2) {
      if (value.charCodeAt(i) === DASH) i += 1
      buffer[at++] = (DIGITS[value.charCodeAt(i)]! << 4) | DIGITS[value.charCodeAt(i + 1)]!
    }
    this.at = at
    return this
  }

  text(value: string): this {
    this.#field(OID.text, value.length * 3)
    this.at -= 4
    this.#text(value)
    return this
  }

  bytea(value: Uint8Array): this {
    this.#field(OID.bytea, value.length)
    this.buffer.set(value, this.at)
    this.at += value.length
    return this
  }

  /** Begins a value of `length` bytes. */
  #field(type: number, length: number): void {
    this.room(MOST_OF_A_FIELD + length)
    if (this.#typed) this.int32(type)
    this.int32(length)
  }

  /** Behind its length. There must be room. */
  #text(value: string): void {
    const length = this.buffer.write(value, this.at + 4, 'utf8')
    this.int32(length)
    this.at += length
  }

  /** One dimension from 1, without nulls; each value takes at most `each` bytes. */
  #array<T>(type: number, of: number, values: readonly T[], each: number, put: (value: T) => void): this {
    this.#field(type, ARRAY_HEADER + values.length * (4 + each))
    const start = this.at
    for (const n of values.length === 0 ? [0, 0, of] : [1, 0, of, values.length, 1]) this.int32(n)
    for (const value of values) put(value)
    this.view.setInt32(start - 4, this.at - start)
    return this
  }

  protected int32(value: number): void {
    this.view.setInt32(this.at, value)
    this.at += 4
  }

  protected int64(value: number): void {
    this.int32(Math.floor(value / 2 ** 32))
    // Of a larger number the lowest 32 bits are taken.
    this.int32(value)
  }

  protected room(bytes: number): void {
    if (this.at + bytes <= this.buffer.length) return
    const larger = Buffer.allocUnsafe(Math.max(this.buffer.length * 2, this.at + bytes))
    this.buffer.copy(larger, 0, 0, this.at)
    this.buffer = larger
    this.view = viewOf(larger)
  }
}

/**
 * An array of rows of one composite type (`array_recv`, `record_recv`). The fields of a row are written in
 * the order of the type's columns; `bytes` can be sent once all rows are there.
 */
export class BinaryRows extends BinaryValues {
  readonly #columns: number
  #row = 0

  /** `type`: the composite type's oid. `size`: about how many bytes there will be. */
  constructor(type: number, columns: number, rows: number, size: number) {
    super(size, ARRAY_HEADER, true)
    this.#columns = columns
    // One dimension from 1, without nulls.
    for (const [i, n] of [1, 0, type, rows, 1].entries()) this.view.setInt32(i * 4, n)
  }

  /** Begins the next row. */
  row(): this {
    this.#endRow()
    this.room(8)
    this.#row = this.at
    this.at += 4
    this.int32(this.#columns)
    return this
  }

  /** The whole array. */
  bytes(): Buffer {
    this.#endRow()
    return this.buffer.subarray(0, this.at)
  }

  #endRow(): void {
    if (this.#row > 0) this.view.setInt32(this.#row, this.at - this.#row - 4)
    this.#row = 0
  }
}

/** All parameters of a statement, in their order; its text says the type of each, as in `$1::uuid`. */
export class BinaryParameters extends BinaryValues {
  /** `size`: about how many bytes there will be. */
  constructor(count: number, size: number) {
    super(size, 6, false)
    // One format for all, the binary one; and how many there are.
    for (const [i, n] of [1, 1, count].entries()) this.view.setInt16(i * 2, n)
  }

  /** For `sql.unsafe`: the driver sends them as they are (ADR 0006). */
  parameters(): never[] {
    return Object.assign([], { bytes: this.buffer.subarray(0, this.at) })
  }
}
