import { projects } from '@stewrd/core/projects/projects.ts'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Sql } from './connect.ts'
import { connect, disconnect } from './connect.ts'
import { readLogRows } from './log-reader.ts'
import { readLeaves } from './log-tree/nodes.ts'
import { Projector } from './projector.ts'
import { Sequencer } from './sequencer.ts'
import { entriesRead } from './testkit/entries-read.ts'
import { by, createWorld } from './testkit/world.ts'
import type { World } from './testkit/world.ts'

const MANY = 600

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

const create = () => world.store.execute(projects, world.project(), { type: 'CreateProject', name: 'x' }, by())

test('what follows the log looks each event and row up by its key, though its connection first did so when the tables were empty', async () => {
  const sequencer = new Sequencer({ sql: one, node: 'test' })
  const projector = new Projector({ sql: one, dataKeys: world.dataKeys, node: 'test' })
  await create()
  await sequencer.drain()
  await projector.drain()
  await readLogRows(one, 0, 1)
  await readLeaves(one, 0, 1)
  await Promise.all(Array.from({ length: MANY }, create))
  await sequencer.drain()
  const { length } = await readLogRows(one, 0, MANY)
  await readLeaves(one, 0, MANY)
  expect(length).toBe(MANY)
  expect(await entriesRead(one, 'events')).toBeLessThan(10 * MANY)
  await projector.drain()
  // Every batch reads and writes the rows of several views.
  expect(await entriesRead(one, 'view_rows')).toBeLessThan(20 * MANY)
  await projector.stop()
  await sequencer.stop()
})
