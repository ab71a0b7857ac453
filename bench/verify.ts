import { createHash } from 'node:crypto'
import { headerBytes } from '@stewrd/crypto/envelope.ts'
import { noteSigner } from '@stewrd/crypto/signed-note.ts'
import { readLogRows } from '@stewrd/db/log-reader.ts'
import { headerOf } from '@stewrd/db/record.ts'
import { verifyHistory } from '@stewrd/db/verify/verify.ts'
import type { Bed } from './bed.ts'
import type { Result } from './result.ts'
import { median, spread } from './stats.ts'
import { fillLog } from './streams.ts'

const ROUNDS = 3

/** Verifies the history from the database, without opening events, against SHA-256 alone over its headers and envelopes in memory. */
export async function verify(bed: Bed, events: number): Promise<Result[]> {
  await fillLog(bed, events)
  const { verifierKey } = noteSigner('stewrd/log/bench', Buffer.alloc(32, 7))
  const bytes = await readBytes(bed)
  const [ours, alone]: [number[], number[]] = [[], []]
  for (let round = 0; round < ROUNDS; round++) {
    let began = performance.now()
    for (const event of bytes) createHash('sha256').update(event).digest()
    alone.push((bytes.length / (performance.now() - began)) * 1000)
    began = performance.now()
    const { size, wrong, closer } = await verifyHistory({ ...bed, verifierKey, outside: [] }, { open: 0 })
    if (wrong > 0 || closer) throw new Error(`${wrong} findings in a history that nobody edited.`)
    ours.push((size / (performance.now() - began)) * 1000)
  }
  const [measured, baseline] = [median(ours), median(alone)]
  const name = `verify of ${bytes.length.toLocaleString('en')} events, no decryption`
  return [{ name, measured, baseline, unit: 'events/s', ratio: measured / baseline, spread: spread(ours) }]
}

async function readBytes({ sql }: Bed): Promise<Buffer[]> {
  const all: Buffer[] = []
  for (;;) {
    const rows = await readLogRows(sql, all.length, Number.MAX_SAFE_INTEGER)
    if (rows.length === 0) return all
    for (const row of rows) all.push(Buffer.concat([headerBytes(headerOf(row)), row.envelope]))
  }
}
