import { projects } from '@stewrd/core/projects/projects.ts'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Sql } from './connect.ts'
import { connect, disconnect } from './connect.ts'
import { readLog } from './log-reader.ts'
import { Sequencer } from './sequencer.ts'
import { entriesRead } from './testkit/entries-read.ts'
import { by, createWorld } from './testkit/world.ts'
import type { World } from './testkit/world.ts'

const STREAMS = 200
const EACH = 100

let world: World
let one: Sql
beforeAll(async () => {
  world = await createWorld()
  one = connect(world.url, { max: 1, role: 'stewrd_worker' })
})
afterAll(async () => {
  await disconnect(one)
  await world.close()
})

test('each place is read once, though nothing is known of the log but that it was empty', async () => {
  await world.owner`analyze log`
  const streams = Array.from({ length: STREAMS }, () => world.project())
  for (let n = 0; n < EACH; n++)
    await Promise.all(
      streams.map((stream) =>
        n === 0
          ? world.store.execute(projects, stream, { type: 'CreateProject', name: 'x' }, by())
          : world.store.execute(projects, stream, { type: 'RenameProject', name: `x${n}` }, by()),
      ),
    )
  const sequencer = new Sequencer({ sql: world.worker, node: 'test' })
  await sequencer.drain()
  await sequencer.stop()
  const before = await entriesRead(one, 'log')
  const indexes: number[] = []
  for await (const entries of readLog({ sql: one, dataKeys: world.dataKeys }))
    indexes.push(...entries.map(({ index }) => index))
  expect(indexes).toEqual(Array.from({ length: STREAMS * EACH }, (_, i) => i))
  expect((await entriesRead(one, 'log')) - before).toBeLessThan(1.1 * indexes.length)
})
