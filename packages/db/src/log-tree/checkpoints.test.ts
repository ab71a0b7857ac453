import { afterAll, beforeAll, expect, test } from 'vitest'
import { createWorld } from '../testkit/world.ts'
import type { World } from '../testkit/world.ts'
import { checkpointCovering, latestCheckpoint, setAlarm, storeCheckpoint, treeState } from './checkpoints.ts'

let world: World
beforeAll(async () => {
  world = await createWorld()
})
afterAll(() => world.close())

test('checkpoints are kept, and found by the entries that they cover', async () => {
  const { sql } = world
  expect(await latestCheckpoint(sql)).toBeUndefined()
  for (const size of [5, 90, 12]) await storeCheckpoint(sql, { size, note: `note of ${size}` })
  await storeCheckpoint(sql, { size: 90, note: 'another one' })
  expect(await latestCheckpoint(sql)).toMatchObject({ size: 90, note: 'note of 90' })
  const covering = async (index: number) => (await checkpointCovering(sql, index))?.size
  expect([await covering(0), await covering(4), await covering(5), await covering(89), await covering(90)]).toEqual([
    5,
    5,
    12,
    90,
    undefined,
  ])
})

test('an alarm keeps the moment at which it was raised first', async () => {
  const { sql } = world
  expect(await treeState(sql)).toEqual({ size: 0, alarm: null })
  await setAlarm(sql, { code: 'LOG_SHRANK', message: 'one' })
  const first = await treeState(sql)
  await setAlarm(sql, { code: 'LOG_SHRANK', message: 'two' })
  expect(await treeState(sql)).toEqual({ size: 0, alarm: { ...first.alarm, message: 'two' } })
  await setAlarm(sql, null)
  expect(await treeState(sql)).toEqual({ size: 0, alarm: null })
})
