import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { payers } from '../testkit/ledger.ts'
import { createWorld } from '../testkit/world.ts'
import type { World } from '../testkit/world.ts'

let world: World
beforeAll(async () => {
  world = await createWorld()
})
afterAll(() => world.close())

const endedBy = ['RunCompleted', 'RunFailed']
const runId = () => randomUUID()
const limits = (limit: { perMinute?: number; atOnce?: number }) => ({ limits: { ...limit, endedBy } })
/** A run under limits that costs nothing. */
const begin = (
  paid: ReturnType<typeof payers>,
  limit: { perMinute?: number; atOnce?: number },
  { store }: Pick<World, 'store'> = world,
  id = runId(),
) => paid.start(store, id, 0, limits(limit))
const codes = (all: PromiseSettledResult<unknown>[]) =>
  Object.groupBy(
    all.map((r) => (r.status === 'fulfilled' ? 'begun' : (r.reason as { code: string }).code)),
    (code) => code,
  )
const shift = (projectId: string, seconds: number) => world.owner`
  update run_meters set seconds = array(select s - ${seconds}::bigint from unnest(seconds) as s) where project_id = ${projectId}`

test('200 at once on two nodes: exactly 60 begin, and the others are told when to come back', async () => {
  const paid = payers(world)
  const nodes = [world, world.another()]
  const all = await Promise.allSettled(
    Array.from({ length: 200 }, (_, i) => begin(paid, { perMinute: 60 }, nodes[i % 2])),
  )
  const by = codes(all)
  expect([by.begun?.length, by.RATE_LIMITED?.length]).toEqual([60, 140])
  const { reason } = all.find((r) => r.status === 'rejected')!
  expect(reason).toMatchObject({ details: { perMinute: 60 } })
  const { retryAfter } = (reason as { details: { retryAfter: number } }).details
  expect(retryAfter).toBeGreaterThan(50)
  expect(retryAfter).toBeLessThanOrEqual(61)
})

test('a place is free again a minute after it was taken, and not before', async () => {
  const paid = payers(world)
  const first = await begin(paid, { perMinute: 2 })
  expect(first.meters?.minute).toMatchObject({ limit: 2, remaining: 1 })
  await shift(paid.projectId, 30)
  const second = await begin(paid, { perMinute: 2 })
  expect(second.meters?.minute?.remaining).toBe(0)
  expect(second.meters?.minute?.resetSeconds).toBeLessThanOrEqual(31)
  await shift(paid.projectId, 29)
  await expect(begin(paid, { perMinute: 2 })).rejects.toMatchObject({ code: 'RATE_LIMITED' })
  await shift(paid.projectId, 10)
  await begin(paid, { perMinute: 2 })
  await expect(begin(paid, { perMinute: 2 })).rejects.toMatchObject({ code: 'RATE_LIMITED' })
})

test('each project has its own minute, and a higher limit counts at once', async () => {
  const [one, other] = [payers(world), payers(world)]
  await begin(one, { perMinute: 1 })
  await expect(begin(one, { perMinute: 1 })).rejects.toMatchObject({ code: 'RATE_LIMITED' })
  await begin(other, { perMinute: 1 })
  await begin(one, { perMinute: 2 })
})

test('a start that is turned away counts for nothing, and takes no credits', async () => {
  const paid = payers(world)
  const id = runId()
  await paid.start(world.store, id, 1, limits({ perMinute: 1 }))
  await expect(paid.start(world.store, runId(), 1, limits({ perMinute: 1 }))).rejects.toMatchObject({
    code: 'RATE_LIMITED',
  })
  const costly = payers(world)
  await expect(costly.start(world.store, runId(), 5000, limits({ perMinute: 1 }))).rejects.toMatchObject({
    code: 'INSUFFICIENT_CREDITS',
    details: { needed: 5000, left: 199 },
  })
  await costly.start(world.store, runId(), 1, limits({ perMinute: 1 }))
  const again = await paid.start(world.another().store, id, 1, limits({ perMinute: 1 }))
  expect(again).toMatchObject({ repeated: true, revision: 1 })
})

test('so many at once run and no more, on two nodes; one that ends makes room', async () => {
  const paid = payers(world)
  const nodes = [world, world.another()]
  const ids = Array.from({ length: 40 }, runId)
  const all = await Promise.allSettled(ids.map((id, i) => begin(paid, { atOnce: 10 }, nodes[i % 2], id)))
  const by = codes(all)
  expect([by.begun?.length, by.RUNS_AT_LIMIT?.length]).toEqual([10, 30])
  const [one, two] = ids.filter((_, i) => all[i]!.status === 'fulfilled')
  await paid.end(world.store, one!, 'refund')
  await paid.end(nodes[1]!.store, two!, 'settle')
  await begin(paid, { atOnce: 10 })
  await begin(paid, { atOnce: 10 }, nodes[1])
  await expect(begin(paid, { atOnce: 10 })).rejects.toMatchObject({ code: 'RUNS_AT_LIMIT', details: { atOnce: 10 } })
})
