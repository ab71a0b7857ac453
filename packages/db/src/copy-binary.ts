import type { Readable } from 'node:stream'
import { finished } from 'node:stream/promises'
import type { Sql, Tx } from './connect.ts'
import { dbError } from './db-error.ts'

/** A value as Postgres sends it in its binary format, or null. */
export type Field = Buffer | null
/** Where the fields of rows lie in the bytes of their chunk. Of a row at `from` the i-th begins at `from + 2 · i`, with −1 where it is null, and ends at the place after. */
export type Places = Int32Array
/** What is taken out of a row. It may keep bytes and places: it keeps its whole chunk, of some 64 KiB. */
export type Make<T> = (bytes: Buffer, at: Places, from: number, fields: number) => T

/** What stands before the fields of a row: the kind of its message and the length of the rest; and once, before the first, a signature. */
const HEADER_BYTES = 5
const SIGNATURE_BYTES = 19

/**
 * The rows of a query by `copy … (format binary)`, as many at once as arrive together: no text is made of any value, and memory stays flat.
 * `query` takes no parameters, so it must be written here. Values that a person wrote belong into a temporary table or nowhere.
 */
export const copyRows = (tx: Tx, query: string): AsyncGenerator<Field[][]> => copyChunks(tx, query, fieldsOf)

/** As `copyRows`, with what `make` takes out of each row. */
export async function* copyChunks<T>(sql: Sql | Tx, query: string, make: Make<T>): AsyncGenerator<T[]> {
  // Raw: the rows in their messages, as they come from the socket.
  const copy = sql.unsafe(`copy (${query}) to stdout (format binary)`).raw()
  try {
    const stream = await copy.readable()
    try {
      const reader = new RowReader(make)
      for await (const chunk of stream.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
        const rows = reader.read(chunk)
        if (rows.length > 0) yield rows
      }
    } finally {
      if (!stream.readableEnded) await endEarly(stream, copy)
    }
  } catch (error) {
    throw dbError(error)
  }
}

/** Whoever stops reading gets the connection back: nothing else can be asked while rows are on their way. */
export async function endEarly(stream: Readable, copy: { cancel(): void }): Promise<void> {
  copy.cancel()
  stream.resume()
  await finished(stream).catch(() => {})
}

let places = new Int32Array(4096)

/** Of a row that is cut where a chunk ends the parts are joined; of others nothing is copied. */
class RowReader<T> {
  readonly #make: Make<T>
  #parts: Buffer[] = []
  #lacks = 0
  #started = false

  constructor(make: Make<T>) {
    this.#make = make
  }

  read(chunk: Buffer): T[] {
    const rows: T[] = []
    const from = Math.min(this.#lacks, chunk.length)
    if (from > 0) {
      this.#parts.push(chunk.subarray(0, from))
      this.#lacks -= from
      if (this.#lacks > 0) return rows
      this.#readRows(Buffer.concat(this.#parts), 0, rows)
    }
    const end = this.#readRows(chunk, from, rows)
    this.#parts = [chunk.subarray(end)]
    if (end < chunk.length) this.#lacks = end + 1 + chunk.readInt32BE(end + 1) - chunk.length
    return rows
  }

  /** Those that are there whole. Returns where they end. */
  #readRows(bytes: Buffer, start: number, rows: T[]): number {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length)
    let [at, used, fields] = [start, 0, 0]
    while (at < bytes.length) {
      const end = at + 1 + view.getInt32(at + 1)
      if (end > bytes.length) break
      const row = this.#started ? at + HEADER_BYTES : this.#afterSignature(view, at + HEADER_BYTES)
      const count = view.getInt16(row)
      // The trailer is a row without fields.
      if (count > 0) {
        findFields(view, row + 2, end, count, used)
        used += 2 * count
        fields = count
      }
      at = end
    }
    const found = places.slice(0, used)
    for (let from = 0; from < used; from += 2 * fields) rows.push(this.#make(bytes, found, from, fields))
    return at
  }

  #afterSignature(view: DataView, at: number): number {
    this.#started = true
    return at + SIGNATURE_BYTES + view.getInt32(at + SIGNATURE_BYTES - 4)
  }
}

/** Fills in `places` for the row of which the first field begins at `at`. */
function findFields(view: DataView, at: number, end: number, count: number, used: number): void {
  if (used + 2 * count > places.length) {
    const more = new Int32Array(2 * places.length)
    more.set(places)
    places = more
  }
  for (let i = used; i < used + 2 * count; i += 2) {
    const length = view.getInt32(at)
    at += 4
    places[i] = length < 0 ? -1 : at
    if (length > 0) at += length
    places[i + 1] = at
  }
  if (at !== end) throw new Error('A row of a COPY does not end where its message does.')
}

function fieldsOf(bytes: Buffer, at: Places, from: number, count: number): Field[] {
  const fields: Field[] = []
  for (let i = from; i < from + 2 * count; i += 2) fields.push(at[i]! < 0 ? null : bytes.subarray(at[i], at[i + 1]))
  return fields
}

/** A `bigint`, exact up to 2^53. */
export const int8 = (bytes: Buffer, at = 0): number => int4(bytes, at) * 2 ** 32 + (int4(bytes, at + 4) >>> 0)
/** As `readInt32BE`, without what that checks. */
export const int4 = (bytes: Buffer, at = 0): number =>
  (bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!
/** The lowest 32 bits of a whole number, as `writeUInt32BE` writes them, without what that checks. */
export function putInt4(bytes: Buffer, at: number, value: number): void {
  bytes[at] = value >>> 24
  bytes[at + 1] = value >>> 16
  bytes[at + 2] = value >>> 8
  bytes[at + 3] = value
}
export const bool = (bytes: Buffer): boolean => bytes[0] === 1

const EPOCH_MS = Date.UTC(2000, 0, 1)
/** A `timestamptz` in unix milliseconds; undefined when it has a part of one. */
export function wholeMs(bytes: Buffer, at = 0): number | undefined {
  const micros = int8(bytes, at)
  const ms = Math.floor(micros / 1000)
  return ms * 1000 === micros ? ms + EPOCH_MS : undefined
}

/** Whether `length` bytes of both are the same: some tens are compared sooner here than by a call of `compare`. */
export function sameBytes(a: Uint8Array, from: number, b: Uint8Array, other: number, length: number): boolean {
  for (let i = 0; i < length; i++) if (a[from + i] !== b[other + i]) return false
  return true
}
