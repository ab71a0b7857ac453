import { randomUUID } from 'node:crypto'
import { getPostgreSQLEventStore } from '@event-driven-io/emmett-postgresql'
import type { Bed } from './bed.ts'

type Renamed = { type: 'ProjectRenamed'; data: { from: string; to: string } }

/** Another event store on the same Postgres, as its manual says: a stream for each worker, an expected version, JSON in the clear. */
export type Emmett = { append(worker: number): Promise<void>; close(): Promise<void> }

export async function makeEmmett({ url }: Bed, workers: number): Promise<Emmett> {
  const store = getPostgreSQLEventStore(url)
  await store.schema.migrate()
  const streams = Array.from({ length: workers }, () => ({ name: `project-${randomUUID()}`, version: 0n }))
  return {
    async append(worker) {
      const stream = streams[worker]!
      const event: Renamed = { type: 'ProjectRenamed', data: { from: randomUUID(), to: randomUUID() } }
      const { nextExpectedStreamVersion } = await store.appendToStream<Renamed>(stream.name, [event], {
        expectedStreamVersion: stream.version === 0n ? 'STREAM_DOES_NOT_EXIST' : stream.version,
      })
      stream.version = nextExpectedStreamVersion
    },
    close: () => store.close(),
  }
}
