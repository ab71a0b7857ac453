import { randomUUID } from 'node:crypto'
import type { StreamId } from '@stewrd/core/kernel/execute.ts'
import type { Bed } from './bed.ts'
import type { Emmett } from './emmett.ts'
import { makeEmmett } from './emmett.ts'
import type { Result } from './result.ts'
import { statementRate } from './statement.ts'
import { median, spread } from './stats.ts'
import { analyze, makeStreams, rate, rename } from './streams.ts'

const ROUNDS = 7

/** `floor`: the statement alone is measured too. */
type Shape = { name: string; inFlight: number; rows: number; floor?: true }
const shapes: Shape[] = [
  { name: 'append, 1 in flight', inFlight: 1, rows: 1 },
  { name: 'append, 16 in flight', inFlight: 16, rows: 1, floor: true },
  { name: 'append, 100 in flight', inFlight: 100, rows: 1 },
  { name: 'append, batches of 10', inFlight: 1, rows: 10 },
]

/**
 * Appends as the product does them (decided, sealed, chained, with head, snapshot and outbox) against one plain INSERT, and against
 * another event store.
 */
export async function append(bed: Bed, seconds: number): Promise<Result[]> {
  await bed.owner`create table plain (id uuid primary key, stream text not null, type text not null, at timestamptz not null, data bytea not null)`
  const results: Result[] = []
  for (const shape of shapes) results.push(...(await measure(bed, seconds, shape)))
  return results
}

async function measure(bed: Bed, seconds: number, { name, inFlight, rows, floor }: Shape): Promise<Result[]> {
  const streams = await makeStreams(bed, inFlight * rows)
  const sealedBefore = floor ? await makeStreams(bed, inFlight) : []
  await analyze(bed)
  const emmett = rows === 1 ? await makeEmmett(bed, inFlight) : undefined
  const [mine, plain, other, alone]: [number[], number[], number[], number[]] = [[], [], [], []]
  for (let round = 0; round <= ROUNDS; round++) {
    const ours = await rate(inFlight, seconds, (worker) => appendOnce(bed, streams, worker, rows))
    const theirs = await rate(inFlight, seconds, () => insertOnce(bed, rows))
    const others = emmett && (await otherRate(emmett, inFlight, seconds))
    // The first round warms all up.
    if (round === 0) continue
    mine.push(ours * rows)
    plain.push(theirs * rows)
    if (others) other.push(others)
    if (floor) alone.push(await statementRate(bed, sealedBefore))
  }
  await emmett?.close()
  const compared = (what: string, baselines: number[], rates = mine): Result => {
    const [measured, baseline] = [median(rates), median(baselines)]
    return { name: what, measured, baseline, unit: 'events/s', ratio: measured / baseline, spread: spread(rates) }
  }
  return [
    compared(name, plain),
    ...(emmett ? [compared(`${name}, against emmett`, other)] : []),
    ...(floor ? [compared('… its statement alone, all sealed before', other, alone)] : []),
  ]
}

const otherRate = (emmett: Emmett, inFlight: number, seconds: number) =>
  rate(inFlight, seconds, (worker) => emmett.append(worker))

/** `rows` commands that wait at the same moment: they share a statement. */
const appendOnce = ({ store }: Bed, streams: StreamId[], worker: number, rows: number) =>
  Promise.all(streams.slice(worker * rows, (worker + 1) * rows).map((stream) => rename(store, stream)))

// As many bytes as the sealed event has.
const payload = Buffer.alloc(340, 7)

async function insertOnce({ owner }: Bed, rows: number) {
  const values = Array.from({ length: rows }, () => ({
    id: randomUUID(),
    stream: 'project:bench',
    type: 'ProjectRenamed',
    at: new Date(),
    data: payload,
  }))
  await owner`insert into plain ${owner(values)}`
}
