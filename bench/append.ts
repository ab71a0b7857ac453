import { randomUUID } from 'node:crypto'
import { projects, projectStream } from '@stewrd/core/projects/projects.ts'
import type { Bed } from './bed.ts'
import type { Result } from './result.ts'
import { median, spread } from './stats.ts'

const ROUNDS = 7

/** Appends as the product does them (decided, sealed, chained, with head, snapshot and outbox) against one plain INSERT. */
export async function append(bed: Bed, seconds: number): Promise<Result[]> {
  await bed.owner`create table plain (id uuid primary key, stream text not null, type text not null, at timestamptz not null, data bytea not null)`
  const results: Result[] = []
  for (const { name, inFlight, rows } of shapes) {
    const streams = await makeStreams(bed, inFlight * rows)
    const mine: number[] = []
    const plain: number[] = []
    for (let round = 0; round <= ROUNDS; round++) {
      const ours = await rate(inFlight, seconds, (worker) => appendOnce(bed, streams, worker, rows))
      const theirs = await rate(inFlight, seconds, () => insertOnce(bed, rows))
      // The first round warms both up.
      if (round === 0) continue
      mine.push(ours * rows)
      plain.push(theirs * rows)
    }
    const [measured, baseline] = [median(mine), median(plain)]
    results.push({ name, measured, baseline, unit: 'events/s', ratio: measured / baseline, spread: spread(mine) })
  }
  return results
}

const shapes = [
  { name: 'append, 1 in flight', inFlight: 1, rows: 1 },
  { name: 'append, 16 in flight', inFlight: 16, rows: 1 },
  { name: 'append, batches of 10', inFlight: 1, rows: 10 },
]

type Stream = { accountId: string; projectId: string; stream: string }

async function makeStreams({ store, accountId }: Bed, count: number): Promise<Stream[]> {
  return await Promise.all(
    Array.from({ length: count }, async () => {
      const projectId = randomUUID()
      const stream = { accountId, projectId, stream: projectStream(projectId) }
      await store.execute(projects, stream, { type: 'CreateProject', name: 'bench' }, meta())
      return stream
    }),
  )
}

const meta = () => ({ commandId: randomUUID(), actor: 'user:bench' })

/** `rows` commands that wait at the same moment: they share a statement. */
async function appendOnce({ store }: Bed, streams: Stream[], worker: number, rows: number) {
  const own = streams.slice(worker * rows, (worker + 1) * rows)
  await Promise.all(
    own.map((stream) => store.execute(projects, stream, { type: 'RenameProject', name: randomUUID() }, meta())),
  )
}

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

/** Calls a second, with `inFlight` workers that each wait for their call. */
async function rate(inFlight: number, seconds: number, call: (worker: number) => Promise<void>): Promise<number> {
  const began = performance.now()
  const end = began + seconds * 1000
  let calls = 0
  await Promise.all(
    Array.from({ length: inFlight }, async (_, worker) => {
      while (performance.now() < end) {
        await call(worker)
        calls++
      }
    }),
  )
  return (calls / (performance.now() - began)) * 1000
}
