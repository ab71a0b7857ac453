// The types of Postgres by their fixed numbers, and its epoch.
const OID = { int: 23, ints: 1007, bigint: 20, uuid: 2950, text: 25, bytea: 17, timestamptz: 1184 }
const EPOCH_MS = Date.UTC(2000, 0, 1)
const DASH = 0x2d
const DIGITS = Uint8Array.from({ length: 128 }, (_, char) => Number.parseInt(String.fromCharCode(char), 16) || 0)
const MOST_OF_A_FIELD = 16

/**
 * An array of rows of one composite type, in the binary format of Postgres (`array_recv`, `record_recv`). The fields of a row are written in
 * the order of the type's columns; `bytes` can be sent once all rows are there.
 */
export class BinaryRows {
  readonly #columns: number
  #bytes: Buffer
  #at = 20
  #row = 0

  /** `type`: the composite type's oid. `size`: about how many bytes there will be. */
  constructor(type: number, columns: number, rows: number, size: number) {
    this.#columns = columns
    this.#bytes = Buffer.allocUnsafe(Math.max(size, 256))
    // One dimension from 1, without nulls.
    for (const [i, n] of [1, 0, type, rows, 1].entries()) this.#bytes.writeInt32BE(n, i * 4)
  }

  /** Begins the next row. */
  row(): this {
    this.#endRow()
    this.#room(8)
    this.#row = this.#at
    this.#at += 4
    this.#int32(this.#columns)
    return this
  }

  int(value: number): this {
    this.#field(OID.int, 4)
    this.#int32(value)
    return this
  }

  ints(values: readonly number[]): this {
    this.#field(OID.ints, values.length === 0 ? 12 : 20 + values.length * 8)
    for (const n of values.length === 0 ? [0, 0, OID.int] : [1, 0, OID.int, values.length, 1]) this.#int32(n)
    for (const value of values) {
      this.#int32(4)
      this.#int32(value)
    }
    return this
  }

  /** A whole number that a double holds exactly. */
  bigint(value: number): this {
    this.#field(OID.bigint, 8)
    this.#int64(value)
    return this
  }

  /** Unix milliseconds. */
  time(ms: number): this {
    this.#field(OID.timestamptz, 8)
    this.#int64((ms - EPOCH_MS) * 1000)
    return this
  }

  /** In its usual form, with dashes. */
  uuid(value: string): this {
    this.#field(OID.uuid, 16)
    for (let i = 0; i < 36; i += 2) {
      if (value.charCodeAt(i) === DASH) i += 1
      this.#bytes[this.#at++] = (DIGITS[value.charCodeAt(i)]! << 4) | DIGITS[value.charCodeAt(i + 1)]!
    }
    return this
  }

  text(value: string): this {
    this.#field(OID.text, value.length * 3)
    const length = this.#bytes.write(value, this.#at, 'utf8')
    this.#bytes.writeInt32BE(length, this.#at - 4)
    this.#at += length
    return this
  }

  bytea(value: Uint8Array): this {
    this.#field(OID.bytea, value.length)
    this.#bytes.set(value, this.#at)
    this.#at += value.length
    return this
  }

  /** The whole array. */
  bytes(): Buffer {
    this.#endRow()
    return this.#bytes.subarray(0, this.#at)
  }

  #endRow(): void {
    if (this.#row > 0) this.#bytes.writeInt32BE(this.#at - this.#row - 4, this.#row)
    this.#row = 0
  }

  #field(type: number, length: number): void {
    this.#room(MOST_OF_A_FIELD + length)
    this.#int32(type)
    this.#int32(length)
  }

  #int32(value: number): void {
    this.#at = this.#bytes.writeInt32BE(value, this.#at)
  }

  #int64(value: number): void {
    const high = Math.floor(value / 2 ** 32)
    this.#int32(high)
    this.#at = this.#bytes.writeUInt32BE(value - high * 2 ** 32, this.#at)
  }

  #room(bytes: number): void {
    if (this.#at + bytes <= this.#bytes.length) return
    const larger = Buffer.allocUnsafe(Math.max(this.#bytes.length * 2, this.#at + bytes))
    this.#bytes.copy(larger, 0, 0, this.#at)
    this.#bytes = larger
  }
}
