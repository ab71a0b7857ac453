import { randomUUID } from 'node:crypto'
import { projects, projectStream } from '@stewrd/core/projects/projects.ts'
import { readLog, readLogRows } from '@stewrd/db/log-reader.ts'
import { Sequencer } from '@stewrd/db/sequencer.ts'
import type { Bed } from './bed.ts'
import type { Result } from './result.ts'
import { median, spread } from './stats.ts'

const ROUNDS = 3

/** Reads the log from the first event, opened and checked, against reading the same rows sealed. */
export async function replay(bed: Bed, events: number): Promise<Result[]> {
  await fill(bed, events)
  const ours: number[] = []
  const theirs: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    theirs.push(await rate(() => readSealed(bed)))
    ours.push(await rate(() => readOpened(bed)))
  }
  const [measured, baseline] = [median(ours), median(theirs)]
  const name = `replay of ${events.toLocaleString('en')} events, decrypted`
  return [{ name, measured, baseline, unit: 'events/s', ratio: measured / baseline, spread: spread(ours) }]
}

async function fill({ store, sql, accountId }: Bed, events: number) {
  const streams = Array.from({ length: 200 }, () => {
    const projectId = randomUUID()
    return { accountId, projectId, stream: projectStream(projectId) }
  })
  const meta = () => ({ commandId: randomUUID(), actor: 'user:bench' })
  await Promise.all(streams.map((s) => store.execute(projects, s, { type: 'CreateProject', name: 'bench' }, meta())))
  for (let done = streams.length; done < events; done += streams.length)
    await Promise.all(
      streams.map((s) => store.execute(projects, s, { type: 'RenameProject', name: randomUUID() }, meta())),
    )
  const sequencer = new Sequencer({ sql, node: 'bench' })
  await sequencer.drain()
  await sequencer.stop()
}

async function rate(read: () => Promise<number>): Promise<number> {
  const began = performance.now()
  return ((await read()) / (performance.now() - began)) * 1000
}

async function readOpened({ sql, dataKeys }: Bed): Promise<number> {
  let count = 0
  for await (const batch of readLog({ sql, dataKeys })) count += batch.length
  return count
}

async function readSealed({ sql }: Bed): Promise<number> {
  for (let from = 0; ; ) {
    const rows = await readLogRows(sql, from, Number.MAX_SAFE_INTEGER)
    const last = rows.at(-1)
    if (!last) return from
    from = last.idx + 1
  }
}
