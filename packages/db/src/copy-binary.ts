import type { Readable } from 'node:stream'
import { finished } from 'node:stream/promises'
import type { Tx } from './connect.ts'
import { dbError } from './db-error.ts'

/** A value as Postgres sends it in its binary format, or null. The bytes are valid until the next batch is asked for. */
export type Field = Buffer | null

const SIGNATURE_BYTES = 19
/** Few enough that what is made of a batch is garbage before it counts as old: 1000 took a third more memory, and longer. */
const BATCH = 100

/**
 * The rows of a query by `copy … (format binary)`: no text is made of any value, and memory stays flat. `query` takes no parameters, so it
 * must be written here. Values that a person wrote belong into a temporary table or nowhere.
 */
export async function* copyRows(tx: Tx, query: string, batch = BATCH): AsyncGenerator<Field[][]> {
  const copy = tx.unsafe(`copy (${query}) to stdout (format binary)`)
  try {
    const stream = await copy.readable()
    try {
      let rows: Field[][] = []
      for await (const more of parsed(stream.iterator({ destroyOnReturn: false }))) {
        rows.push(...more)
        if (rows.length < batch) continue
        yield rows
        rows = []
      }
      if (rows.length > 0) yield rows
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

async function* parsed(chunks: AsyncIterable<Buffer>): AsyncGenerator<Field[][]> {
  let rest: Buffer = Buffer.alloc(0)
  let started = false
  for await (const chunk of chunks) {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    let at = 0
    if (!started) {
      if (rest.length < SIGNATURE_BYTES) continue
      at = SIGNATURE_BYTES + rest.readInt32BE(SIGNATURE_BYTES - 4)
      started = true
    }
    const rows: Field[][] = []
    for (let row = readRow(rest, at); row; row = readRow(rest, at)) {
      at = row.end
      if (row.fields.length > 0) rows.push(row.fields)
    }
    rest = rest.subarray(at)
    yield rows
  }
}

/** Undefined while the row is not there whole. The trailer, a count of −1, is a row without fields. */
function readRow(bytes: Buffer, from: number): { fields: Field[]; end: number } | undefined {
  if (bytes.length - from < 2) return undefined
  const count = Math.max(0, bytes.readInt16BE(from))
  const fields: Field[] = []
  let at = from + 2
  for (let i = 0; i < count; i++) {
    if (bytes.length - at < 4) return undefined
    const length = bytes.readInt32BE(at)
    at += 4
    if (length < 0) {
      fields.push(null)
      continue
    }
    if (bytes.length - at < length) return undefined
    fields.push(bytes.subarray(at, at + length))
    at += length
  }
  return { fields, end: at }
}

/** A `bigint`, exact up to 2^53. */
export const int8 = (bytes: Buffer): number => Number(bytes.readBigInt64BE(0))
export const int4 = (bytes: Buffer): number => bytes.readInt32BE(0)
export const bool = (bytes: Buffer): boolean => bytes[0] === 1

const EPOCH_MS = Date.UTC(2000, 0, 1)
/** A `timestamptz` in unix milliseconds; undefined when it has a part of one. */
export function wholeMs(bytes: Buffer): number | undefined {
  const micros = bytes.readBigInt64BE(0)
  return micros % 1000n === 0n ? Number(micros / 1000n) + EPOCH_MS : undefined
}
