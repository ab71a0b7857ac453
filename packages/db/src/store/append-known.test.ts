import { projects } from '@stewrd/core/projects/projects.ts'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Sql } from '../connect.ts'
import { connect, disconnect } from '../connect.ts'
import { createEventStore } from '../event-store.ts'
import { entriesRead } from '../testkit/entries-read.ts'
import { by, createWorld } from '../testkit/world.ts'
import type { World } from '../testkit/world.ts'

const MANY = 600

let world: World
let one: Sql
beforeAll(async () => {
  world = await createWorld()
  one = connect(world.url, { max: 1 })
})
afterAll(async () => {
  await disconnect(one)
  await world.close()
})

const create = (store = world.store, stream = world.project()) =>
  store.execute(projects, stream, { type: 'CreateProject', name: 'x' }, by())

test('each head is found by its key, though the connection first looked for one when there were few', async () => {
  const store = createEventStore({ sql: one, dataKeys: world.dataKeys })
  const streams = Array.from({ length: 8 }, () => world.project())
  await Promise.all(streams.map((stream) => create(store, stream)))
  await world.owner`analyze heads`
  const renameAll = (name: string) =>
    Promise.all(streams.map((s) => store.execute(projects, s, { type: 'RenameProject', name }, by())))
  await renameAll('y')
  await Promise.all(Array.from({ length: MANY }, () => create()))
  const before = await entriesRead(one, 'heads')
  const renamed = await renameAll('z')
  expect(renamed.map(({ revision }) => revision)).toEqual(streams.map(() => 3))
  expect((await entriesRead(one, 'heads')) - before).toBeLessThan(5 * streams.length)
})
