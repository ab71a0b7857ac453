import { randomUUID } from 'node:crypto'
import type { StreamId } from '@stewrd/core/kernel/execute.ts'
import { projects, projectStream } from '@stewrd/core/projects/projects.ts'
import type { EventStore } from '@stewrd/db/event-store.ts'
import { LogTree } from '@stewrd/db/log-tree/log-tree.ts'
import { Sequencer } from '@stewrd/db/sequencer.ts'
import type { Bed } from './bed.ts'

const meta = () => ({ commandId: randomUUID(), actor: 'user:bench' })

/** Streams of projects that were made. */
export async function makeStreams({ store, accountId }: Bed, count: number): Promise<StreamId[]> {
  return await Promise.all(
    Array.from({ length: count }, async () => {
      const projectId = randomUUID()
      const stream = { accountId, projectId, stream: projectStream(projectId) }
      await store.execute(projects, stream, { type: 'CreateProject', name: 'bench' }, meta())
      return stream
    }),
  )
}

/** One event more. */
export const rename = (store: EventStore, stream: StreamId, name: string = randomUUID()) =>
  store.execute(projects, stream, { type: 'RenameProject', name }, meta())

/** Appends until the log has `events` entries, each in the log's tree. */
export async function fillLog(bed: Bed, events: number): Promise<void> {
  await settleLog(bed)
  const [state] = await bed.sql<{ size: number }[]>`select size from log_state`
  let left = events - state!.size
  if (left <= 0) return
  const streams = await makeStreams(bed, Math.min(200, left))
  left -= streams.length
  while (left > 0) {
    const each = Math.min(20, Math.ceil(left / streams.length))
    const some = streams.slice(0, Math.ceil(left / each))
    await Promise.all(some.flatMap((stream) => Array.from({ length: each }, () => rename(bed.store, stream))))
    left -= some.length * each
  }
  await settleLog(bed)
  await analyze(bed)
}

/** What autovacuum does within a minute: plans that were made while a table was small are made again. */
export async function analyze({ owner }: Bed): Promise<void> {
  await owner`analyze`
}

/** Until nothing waits for its place in the log and its tree. */
async function settleLog({ worker: sql }: Bed): Promise<void> {
  const sequencer = new Sequencer({ sql, node: 'bench' })
  const tree = new LogTree({ sql, lease: () => sequencer.lease })
  await sequencer.drain()
  await tree.drain()
  await sequencer.stop()
}

/** Calls a second, with `inFlight` workers that each wait for their call. */
export async function rate(
  inFlight: number,
  seconds: number,
  call: (worker: number) => Promise<unknown>,
): Promise<number> {
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
