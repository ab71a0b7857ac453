import type { Readable } from 'node:stream'
import { finished } from 'node:stream/promises'
import type { Sql, Tx } from './connect.ts'
import { dbError } from './db-error.ts'

/** A value as Postgres sends it in its binary format, or null. */
export type Field = Buffer | null
/** Where the fields of a row lie in the bytes of its chunk: the i-th begins at `2 · i`, with −1 where it is null, and ends at `2 · i + 1`. Valid until the next row. */
export type Places = Int32Array

const SIGNATURE_BYTES = 19
const places = new Int32Array(2 * 64)

/**
 * The rows of a query by `copy … (format binary)`, as many at once as arrive together: no text is made of any value, and memory stays flat.
 * `query` takes no parameters, so it must be written here. Values that a person wrote belong into a temporary table or nowhere.
 */
export const copyRows = (tx: Tx, query: string): AsyncGenerator<Field[][]> => copyChunks(tx, query, fieldsOf)

/** As `copyRows`, with what `make` takes out of the bytes of each row. A row may keep them: it keeps its whole chunk, of some 64 KiB. */
export async function* copyChunks<T>(
  sql: Sql | Tx,
  query: string,
  make: (bytes: Buffer, at: Places, fields: number) => T,
): AsyncGenerator<T[]> {
  const copy = sql.unsafe(`copy (${query}) to stdout (format binary)`)
  try {
    const stream = await copy.readable()
    try {
      let rest: Buffer = Buffer.alloc(0)
      let started = false
      for await (const chunk of stream.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
        const bytes = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
        let at = 0
        if (!started) {
          if (bytes.length < SIGNATURE_BYTES) continue
          at = SIGNATURE_BYTES + bytes.readInt32BE(SIGNATURE_BYTES - 4)
          started = true
        }
        const rows: T[] = []
        for (let end = endOfRow(bytes, at); end > 0; end = endOfRow(bytes, at)) {
          const count = bytes.readInt16BE(at)
          at = end
          // The trailer is a row without fields.
          if (count > 0) rows.push(make(bytes, places, count))
        }
        rest = bytes.subarray(at)
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

/** Where the row that begins at `from` ends, with its fields in `places`; −1 while it is not there whole. */
function endOfRow(bytes: Buffer, from: number): number {
  if (bytes.length - from < 2) return -1
  const count = bytes.readInt16BE(from)
  let at = from + 2
  for (let i = 0; i < count; i++) {
    if (bytes.length - at < 4) return -1
    const length = bytes.readInt32BE(at)
    at += 4
    places[2 * i] = length < 0 ? -1 : at
    if (length > 0) at += length
    if (at > bytes.length) return -1
    places[2 * i + 1] = at
  }
  return at
}

function fieldsOf(bytes: Buffer, at: Places, count: number): Field[] {
  const fields: Field[] = []
  for (let i = 0; i < count; i++) fields.push(at[2 * i]! < 0 ? null : bytes.subarray(at[2 * i], at[2 * i + 1]))
  return fields
}

/** A `bigint`, exact up to 2^53. */
export const int8 = (bytes: Buffer, at = 0): number => bytes.readInt32BE(at) * 2 ** 32 + bytes.readUInt32BE(at + 4)
export const int4 = (bytes: Buffer): number => bytes.readInt32BE(0)
export const bool = (bytes: Buffer): boolean => bytes[0] === 1

const EPOCH_MS = Date.UTC(2000, 0, 1)
/** A `timestamptz` in unix milliseconds; undefined when it has a part of one. */
export function wholeMs(bytes: Buffer, at = 0): number | undefined {
  const micros = int8(bytes, at)
  return micros % 1000 === 0 ? micros / 1000 + EPOCH_MS : undefined
}
