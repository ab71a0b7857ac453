import { Refusal } from '@stewrd/core/kernel/errors.ts'
import type { StreamId } from '@stewrd/core/kernel/execute.ts'
import type { EventStore } from '@stewrd/db/event-store.ts'
import { createEventStore } from '@stewrd/db/event-store.ts'
import type { Bed } from './bed.ts'
import type { Result } from './result.ts'
import { median, spread } from './stats.ts'
import { analyze, makeStreams, rate, rename } from './streams.ts'

const ROUNDS = 5
const CONTENDERS = 16

/** Many who append to one stream, against as many who have a stream each: on one node, and on two that know nothing of each other. */
export async function hotStream(bed: Bed, seconds: number): Promise<Result[]> {
  const own = await makeStreams(bed, CONTENDERS)
  const [hot] = await makeStreams(bed, 1)
  await analyze(bed)
  const other = createEventStore({ sql: bed.sql, dataKeys: bed.dataKeys })
  return [
    await compare('hot stream, 16 contenders, one node', seconds, [bed.store], hot!, own),
    await compare('hot stream, 16 contenders, two nodes', seconds, [bed.store, other], hot!, own),
  ]
}

async function compare(
  name: string,
  seconds: number,
  stores: EventStore[],
  hot: StreamId,
  own: StreamId[],
): Promise<Result> {
  const storeOf = (worker: number) => stores[worker % stores.length]!
  let refusals = 0
  const [contended, alone]: [number[], number[]] = [[], []]
  for (let round = 0; round <= ROUNDS; round++) {
    let refused = 0
    const one = await rate(CONTENDERS, seconds, async (worker) => {
      if (!(await renamed(storeOf(worker), hot))) refused++
    })
    const each = await rate(CONTENDERS, seconds, (worker) => rename(storeOf(worker), own[worker]!))
    if (round === 0) continue
    contended.push(one - refused / seconds)
    refusals += refused
    alone.push(each)
  }
  const [measured, baseline] = [median(contended), median(alone)]
  return {
    name,
    measured,
    baseline,
    unit: 'events/s',
    ratio: measured / baseline,
    spread: spread(contended),
    note: `${refusals} refused as busy`,
  }
}

/** False: refused, because others were quicker too often. */
const renamed = (store: EventStore, stream: StreamId) =>
  rename(store, stream).then(
    () => true,
    (error: unknown) => {
      if (error instanceof Refusal && error.code === 'STREAM_BUSY') return false
      throw error
    },
  )
