import { readLog, readLogRows } from '@stewrd/db/log-reader.ts'
import type { Bed } from './bed.ts'
import type { Result } from './result.ts'
import { median, spread } from './stats.ts'
import { fillLog } from './streams.ts'

const ROUNDS = 3

/** Reads the log from the first event, each chain verified and each event opened and checked, against reading the same rows sealed. */
export async function replay(bed: Bed, events: number): Promise<Result[]> {
  await fillLog(bed, events)
  const ours: number[] = []
  const theirs: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    theirs.push(await rate(() => readSealed(bed)))
    ours.push(await rate(() => readOpened(bed)))
  }
  const [measured, baseline] = [median(ours), median(theirs)]
  const name = `replay of ${events.toLocaleString('en')} events, chains verified, decrypted`
  return [{ name, measured, baseline, unit: 'events/s', ratio: measured / baseline, spread: spread(ours) }]
}

async function rate(read: () => Promise<number>): Promise<number> {
  const began = performance.now()
  return ((await read()) / (performance.now() - began)) * 1000
}

async function readOpened({ worker: sql, dataKeys }: Bed): Promise<number> {
  let count = 0
  for await (const batch of readLog({ sql, dataKeys })) count += batch.length
  return count
}

async function readSealed({ worker: sql }: Bed): Promise<number> {
  for (let from = 0; ; ) {
    const rows = await readLogRows(sql, from, Number.MAX_SAFE_INTEGER)
    const last = rows.at(-1)
    if (!last) return from
    from = last.idx + 1
  }
}
