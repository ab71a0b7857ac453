import { afterAll, beforeAll, expect, test } from 'vitest'
import { dumpSchema } from './testkit/schema.ts'
import { createWorld } from './testkit/world.ts'
import type { World } from './testkit/world.ts'

let world: World
beforeAll(async () => {
  world = await createWorld()
})
afterAll(() => world.close())

// After a new migration: vitest run --project db --update, and review the difference.
test('schema.sql is what the migrations make', async () => {
  await expect(await dumpSchema(world.owner)).toMatchFileSnapshot('../schema.sql')
})
