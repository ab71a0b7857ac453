import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { connect, disconnect } from '@stewrd/db/connect.ts'
import { History } from '@stewrd/db/history.ts'
import { createEventStore } from '@stewrd/db/event-store.ts'
import type { Entry } from '@stewrd/db/record.ts'
import { Sequencer } from '@stewrd/db/sequencer.ts'
import type { Bed } from './bed.ts'
import type { Result } from './result.ts'
import { quantile, spread } from './stats.ts'
import { analyze, fillLog, makeStreams, rename } from './streams.ts'

/** From sending a command until a subscriber on another node has its event, opened: now and then, and without a pause. */
export async function visible(bed: Bed, events: number): Promise<Result[]> {
  await fillLog(bed, 1)
  const quiet = await measure(bed, { events: Math.round(events / 10), inFlight: 1, pauseMs: 10 })
  const busy = await measure(bed, { events, inFlight: 16, pauseMs: 0 })
  return [
    ...lines('append → visible to a subscriber, one now and then', quiet),
    ...lines('append → visible to a subscriber, 16 in flight', busy),
  ]
}

const lines = (name: string, times: number[]): Result[] =>
  [0.5, 0.99].map((share) => ({
    name: `${name}, p${share * 100}`,
    measured: quantile(times, share),
    baseline: null,
    unit: 'ms',
    ratio: null,
    spread: share === 0.5 ? spread(times) : null,
  }))

type Load = { events: number; inFlight: number; pauseMs: number }

async function measure(bed: Bed, { events, inFlight, pauseMs }: Load): Promise<number[]> {
  const streams = await makeStreams(bed, inFlight)
  const sequencer = new Sequencer({ sql: bed.worker, node: 'bench' })
  await sequencer.drain()
  await analyze(bed)
  sequencer.start()
  const store = createEventStore({ sql: bed.sql, dataKeys: bed.dataKeys, onAppended: () => sequencer.poke() })
  const node = connect(bed.url, { max: 2 })
  const end = new AbortController()
  try {
    const sent = new Map<string, number>()
    const history = new History({ sql: node, dataKeys: bed.dataKeys })
    const tail = history.tail(bed.accountId, { after: (await history.size()) - 1, signal: end.signal })
    const seen = watch(tail, sent, events)
    await Promise.all(
      streams.map(async (stream) => {
        for (let n = 0; n < events / inFlight; n++) {
          const name = randomUUID()
          sent.set(name, performance.now())
          await rename(store, stream, name)
          if (pauseMs > 0) await delay(pauseMs)
        }
      }),
    )
    return await seen
  } finally {
    end.abort()
    await sequencer.stop()
    await disconnect(node)
  }
}

async function watch(tail: AsyncIterable<Entry>, sent: Map<string, number>, events: number): Promise<number[]> {
  const times: number[] = []
  for await (const { event } of tail) {
    const at = event.type === 'ProjectRenamed' && event.data ? sent.get(event.data.to) : undefined
    if (at === undefined) continue
    times.push(performance.now() - at)
    if (times.length >= events) break
  }
  return times
}
