import { createHash } from 'node:crypto'
import { digest } from '@stewrd/crypto/digest.ts'
import { headerBytes } from '@stewrd/crypto/envelope.ts'
import { noteSigner } from '@stewrd/crypto/signed-note.ts'
import type { Make } from '@stewrd/db/copy-binary.ts'
import { copyChunks } from '@stewrd/db/copy-binary.ts'
import { readLogRows } from '@stewrd/db/log-reader.ts'
import { headerOf } from '@stewrd/db/record.ts'
import { storedColumns } from '@stewrd/db/stored-event.ts'
import { verifyHistory } from '@stewrd/db/verify/verify.ts'
import type { Bed } from './bed.ts'
import type { Result } from './result.ts'
import { median, spread } from './stats.ts'
import { fillLog } from './streams.ts'

const ROUNDS = 5

/**
 * Verifies the history from the database, without opening events, against SHA-256 alone over its headers and envelopes in memory; and the least
 * that verifying takes against the same.
 */
export async function verify(bed: Bed, events: number): Promise<Result[]> {
  await fillLog(bed, events)
  const bytes = await readBytes(bed)
  const rates: { alone: number; ours: number; least: number }[] = []
  for (let round = 0; round <= ROUNDS; round++) {
    const alone = await rateOf(bytes.length, () => hashAll(bytes))
    const ours = await rateOf(bytes.length, () => verifyAll(bed, bytes.length))
    const least = await rateOf(bytes.length, () => readAndHash(bed))
    // The first round warms all up.
    if (round > 0) rates.push({ alone, ours, least })
  }
  const compared = (name: string, what: 'ours' | 'least'): Result => {
    const mine = rates.map((r) => r[what])
    const [measured, baseline] = [median(mine), median(rates.map((r) => r.alone))]
    return { name, measured, baseline, unit: 'events/s', ratio: measured / baseline, spread: spread(mine) }
  }
  return [
    compared(`verify of ${bytes.length.toLocaleString('en')} events, no decryption`, 'ours'),
    compared('… rows read and hashed alone, nothing compared', 'least'),
  ]
}

/** Events a second, of so many. */
async function rateOf(events: number, work: () => unknown): Promise<number> {
  const began = performance.now()
  await work()
  return (events / (performance.now() - began)) * 1000
}

function hashAll(bytes: readonly Buffer[]): void {
  for (const event of bytes) createHash('sha256').update(event).digest()
}

async function verifyAll(bed: Bed, events: number): Promise<void> {
  const { verifierKey } = noteSigner('stewrd/log/bench', Buffer.alloc(32, 7))
  const { size, wrong, closer } = await verifyHistory(
    { ...bed, sql: bed.worker, verifierKey, outside: [] },
    { open: 0 },
  )
  if (wrong > 0 || closer || size !== events) throw new Error(`${wrong} findings in a history that nobody edited.`)
}

/** Reads the rows that verifying reads, and makes as many hashes of as many bytes: header, envelope, link, leaf twice, and an inner node. */
async function readAndHash({ owner }: Bed): Promise<void> {
  const all = <T>(query: string, make: Make<T>) => Array.fromAsync(copyChunks(owner, query, make), () => undefined)
  await Promise.all([
    all(`select ${storedColumns} from events e`, (bytes, at, from) => {
      const [start, headerEnd, envelope, end] = [at[from]!, at[from + 29]!, at[from + 30]!, at[from + 31]!]
      digest(bytes.subarray(start, headerEnd))
      digest(bytes.subarray(envelope, end))
      for (const length of [97, 150, 33, 65]) digest(bytes.subarray(start, start + length))
    }),
    all('select account_id, stream, seq, project_id, type, actor, at, idx from log order by idx', () => undefined),
    all('select level, idx, hash from tree_nodes', () => undefined),
  ])
}

async function readBytes({ worker: sql }: Bed): Promise<Buffer[]> {
  const all: Buffer[] = []
  for (;;) {
    const rows = await readLogRows(sql, all.length, Number.MAX_SAFE_INTEGER)
    if (rows.length === 0) return all
    for (const row of rows) all.push(Buffer.concat([headerBytes(headerOf(row)), row.envelope]))
  }
}
