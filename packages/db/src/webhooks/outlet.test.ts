import { randomUUID } from 'node:crypto'
import { projects } from '@stewrd/core/projects/projects.ts'
import { webhooks, webhooksStream } from '@stewrd/core/webhooks/webhooks.ts'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { Sequencer } from '../sequencer.ts'
import type { World } from '../testkit/world.ts'
import { by, createWorld } from '../testkit/world.ts'
import { addDeliveries, listDeliveries } from './deliveries.ts'
import type { Occurrence } from './outlet.ts'
import { Outlet } from './outlet.ts'

let world: World
let sequencer: Sequencer
beforeAll(async () => {
  world = await createWorld()
  sequencer = new Sequencer({ sql: world.worker, node: 'test' })
  sequencer.start()
})
afterAll(async () => {
  await sequencer?.stop()
  await world?.close()
})

const secret = { sealed: 'c2VhbGVk', dekId: randomUUID(), fingerprint: 'fp_00000000000000aa' }

async function project({ hooked }: { hooked: boolean }) {
  const stream = world.project()
  await world.store.execute(projects, stream, { type: 'CreateProject', name: 'a' }, by())
  const hook = { ...stream, stream: webhooksStream(stream.projectId) }
  if (hooked)
    await world.store.execute(webhooks, hook, { type: 'SetWebhook', url: 'https://hooks.example/', secret }, by())
  const rename = (name: string) => world.store.execute(projects, stream, { type: 'RenameProject', name }, by())
  return { projectId: stream.projectId, rename }
}

/** Enters a delivery for each event; `seen` counts how often each was judged. */
function outlet({ worker: sql, fails = () => false }: { worker: World['sql']; fails?: () => boolean }) {
  const seen: Occurrence[] = []
  const errors: unknown[] = []
  const started = new Outlet({
    sql,
    node: 'test',
    types: ['ProjectRenamed'],
    judge: async (found) => {
      seen.push(...found)
      return async (tx) => {
        const due = found.map(({ projectId, stream, seq }) => ({
          id: randomUUID(),
          projectId,
          event: 'agent.completed',
          source: { stream, seq },
        }))
        await addDeliveries(tx, world.accountId, due)
        if (fails()) throw new Error('it died here')
      }
    },
    onError: (error) => errors.push(error),
  })
  started.start()
  return { seen, errors, stop: () => started.stop() }
}

const entered = async (projectId: string) =>
  (await listDeliveries(world.sql, world.accountId, projectId, { limit: 100 }))
    .map((d) => d.source!.seq)
    .toSorted((a, b) => a - b)

test('of several outlets one works, and every event is entered once, in projects with a webhook only', async () => {
  const [hooked, bare] = [await project({ hooked: true }), await project({ hooked: false })]
  const outlets = [outlet(world), outlet(world.another()), outlet(world.another())]
  for (let i = 0; i < 20; i++) await Promise.all([hooked.rename(`a${i}`), bare.rename(`b${i}`)])
  const expected = Array.from({ length: 20 }, (_, i) => i + 2)
  await vi.waitFor(async () => expect(await entered(hooked.projectId)).toEqual(expected), { timeout: 10_000 })
  // The one that works stops: another goes on.
  for (const one of outlets.filter(({ seen }) => seen.length > 0)) await one.stop()
  await hooked.rename('last')
  await vi.waitFor(async () => expect(await entered(hooked.projectId)).toEqual([...expected, 22]), { timeout: 10_000 })
  expect(await entered(bare.projectId)).toEqual([])
  expect(outlets.flatMap(({ errors }) => errors)).toEqual([])
  await Promise.all(outlets.map((one) => one.stop()))
})

test('what dies after it was entered and before it is committed is entered once, when it is done again', async () => {
  const hooked = await project({ hooked: true })
  let fail = true
  const one = outlet({ worker: world.worker, fails: () => fail })
  await hooked.rename('b')
  await vi.waitFor(() => expect(one.errors.length).toBeGreaterThan(0), { timeout: 10_000 })
  expect(await entered(hooked.projectId)).toEqual([])
  fail = false
  await vi.waitFor(async () => expect(await entered(hooked.projectId)).toEqual([2]), { timeout: 10_000 })
  await one.stop()
})

test('one that slept while another took over writes nothing', async () => {
  const hooked = await project({ hooked: true })
  const { promise: asleep, resolve: sleeps } = Promise.withResolvers<void>()
  const { promise: woken, resolve: wake } = Promise.withResolvers<void>()
  const written: string[] = []
  const enter = (name: string) => async () => {
    if (name === 'slow') {
      sleeps()
      await woken
    }
    return async () => void written.push(name)
  }
  const make = (name: string) =>
    new Outlet({ sql: world.worker, node: name, types: ['ProjectRenamed'], judge: enter(name), onError: () => {} })
  const slow = make('slow')
  slow.start()
  await hooked.rename('b')
  await asleep
  // Its lease runs out while it sleeps.
  await world.owner`update leases set expires_at = '-infinity' where name = 'webhooks'`
  const quick = make('quick')
  quick.start()
  await vi.waitFor(() => expect(written).toEqual(['quick']), { timeout: 10_000 })
  wake()
  await Promise.all([slow.stop(), quick.stop()])
  expect(written).toEqual(['quick'])
})
