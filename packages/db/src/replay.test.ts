import { views as catalog } from '@stewrd/core/catalog.ts'
import type { View } from '@stewrd/core/catalog.ts'
import { projects } from '@stewrd/core/projects/projects.ts'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { Projector } from './projector.ts'
import type { ReplayProgress } from './replay.ts'
import { replayView } from './replay.ts'
import { Sequencer } from './sequencer.ts'
import { by, createWorld } from './testkit/world.ts'
import type { World } from './testkit/world.ts'
import { Views } from './views.ts'

let world: World
let sequencer: Sequencer
let projector: Projector
beforeAll(async () => {
  world = await createWorld()
  projector = new Projector({ sql: world.worker, dataKeys: world.dataKeys, node: 'test' })
  sequencer = new Sequencer({ sql: world.worker, node: 'test', onLogged: () => projector.poke() })
  sequencer.start()
  projector.start()
  await vi.waitUntil(async () => (await projected()) === catalog.length, { timeout: 20_000, interval: 20 })
})
afterAll(async () => {
  await sequencer.stop()
  await projector.stop()
  await world.close()
})

const projected = async () => (await world.sql`select from projections`).count
const slots = async (view: string) =>
  (await world.sql<{ slot: number }[]>`select distinct slot from view_rows where view = ${view}`).map((r) => r.slot)

/** Writes until told to stop; every reader must see at least what was there before. */
function underLoad() {
  const load = { on: true }
  const writer = (async () => {
    const streams = Array.from({ length: 8 }, () => world.project())
    for (const s of streams) await world.store.execute(projects, s, { type: 'CreateProject', name: 'x' }, by())
    for (let i = 0; load.on; i++)
      await Promise.all(
        streams.map((s) => world.store.execute(projects, s, { type: 'RenameProject', name: `n${i}` }, by())),
      )
  })()
  const counts: number[] = []
  const reader = (async () => {
    const views = new Views(world.another().sql)
    while (load.on) counts.push((await views.list('projects', world.accountId, { limit: 1000 })).rows.length)
  })()
  return async () => {
    load.on = false
    await Promise.all([writer, reader])
    return counts
  }
}

test('every view is rebuilt under write load with an equal digest, and no reader meets a hole', async () => {
  const stop = underLoad()
  // From here on there is something to rebuild, and more comes in meanwhile.
  await vi.waitUntil(async () => (await slots('projects')).length > 0, { timeout: 20_000, interval: 5 })
  const seen: ReplayProgress[] = []
  for (const { projection } of catalog) {
    const result = await replayView(world.background, projection.name, { onProgress: (p) => seen.push(p) })
    expect(result).toMatchObject({ view: projection.name, equal: true, switched: true })
    expect(result.digest).toBe(result.liveDigest)
  }
  const again = await replayView(world.background, 'projects')
  expect(again).toMatchObject({ equal: true, switched: true })
  expect(again.events).toBeGreaterThan(0)
  const counts = await stop()
  expect(counts).toEqual([...counts].sort((a, b) => a - b))
  expect(seen.at(-1)).toMatchObject({ done: seen.at(-1)!.total })
  expect(await slots('projects')).toHaveLength(1)
  await sequencer.drain()
  await projector.drain()
  expect((await new Views(world.sql).status()).every((s) => s.status === 'live' && s.lag === 0)).toBe(true)
})

test('a live view that was tampered with is found, and stays until somebody decides', async () => {
  await world.owner`update view_rows set row = jsonb_set(row, '{name}', '"forged"') where view = 'projects'`
  const result = await replayView(world.background, 'projects')
  expect(result).toMatchObject({ equal: false, switched: false })
  expect(result.digest).not.toBe(result.liveDigest)
  await world.owner`delete from view_rows where view = 'projects'`
  expect(await replayView(world.background, 'projects')).toMatchObject({ equal: false })
})

test('leftovers of a rebuild that crashed are dropped by the next one', async () => {
  await world.owner`insert into view_rows select account_id, 'llm', 1 - p.slot, 'left-over', account_id, 0, '{}' from projections p, (select id as account_id from accounts) a where p.view = 'llm'`
  expect(await replayView(world.background, 'llm')).toMatchObject({ equal: true })
  expect(await world.sql`select from view_rows where key = 'left-over'`).toHaveLength(0)
})

test('two rebuilds of one view do not meet', async () => {
  const [locked, released] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()]
  const lock = world.owner.begin(async (tx) => {
    await tx`lock table view_rows in access exclusive mode`
    locked.resolve()
    await released.promise
  })
  await locked.promise
  const rebuilds = [1, 2].map(() =>
    replayView(world.background, 'runs').then(
      () => 'rebuilt',
      () => 'refused',
    ),
  )
  expect(await Promise.race(rebuilds)).toBe('refused')
  released.resolve()
  await lock
  expect((await Promise.all(rebuilds)).sort()).toEqual(['rebuilt', 'refused'])
})

test('a new version is rebuilt beside the old one and then shown, whatever it looks like', async () => {
  const [first] = catalog
  const next: View = {
    nouns: first!.nouns,
    projection: {
      ...first!.projection,
      name: 'projects',
      version: first!.projection.version + 1,
      evolve: (row, { seq }) => ({ ...row, seenAt: seq }),
    },
  }
  const outdated: string[] = []
  const upgraded = new Projector({
    sql: world.worker,
    dataKeys: world.dataKeys,
    node: 'new',
    views: [next],
    onOutdated: (view) => outdated.push(view),
  })
  await projector.stop()
  await upgraded.drain()
  expect(outdated).toEqual(['projects'])
  const result = await replayView({ ...world.background, views: [next] }, 'projects')
  expect(result).toMatchObject({ equal: false, switched: true })
  expect((await new Views(world.sql).status()).find((s) => s.view === 'projects')).toMatchObject({
    version: next.projection.version,
  })
  await upgraded.stop()
})

test('a view that nobody knows is refused', async () => {
  await expect(replayView(world.background, 'nothing')).rejects.toMatchObject({ code: 'NOT_FOUND' })
})
