import type { StreamId } from '@stewrd/core/kernel/execute.ts'
import { projects } from '@stewrd/core/projects/projects.ts'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { connect, disconnect } from './connect.ts'
import { LOG_CHANNEL, Sequencer } from './sequencer.ts'
import { by, createWorld } from './testkit/world.ts'
import type { World } from './testkit/world.ts'

let world: World
beforeAll(async () => {
  world = await createWorld()
})
afterAll(() => world.close())

const createProjects = async (count: number) => {
  const streams = Array.from({ length: count }, () => world.project())
  await Promise.all(streams.map((s) => world.store.execute(projects, s, { type: 'CreateProject', name: 'x' }, by())))
  return streams
}
const indexes = async () => (await world.sql<{ idx: number }[]>`select idx from log order by idx`).map((l) => l.idx)
const dense = (count: number) => Array.from({ length: count }, (_, i) => i)

test('two sequencers at once write one dense log', async () => {
  const two = [
    new Sequencer({ sql: world.worker, node: 'a' }),
    new Sequencer({ sql: world.another().worker, node: 'b' }),
  ]
  for (const s of two) s.start()
  for (let i = 0; i < 5; i++) {
    await createProjects(40)
    for (const s of two) s.poke()
  }
  await vi.waitFor(async () => expect(await indexes()).toEqual(dense(200)), { timeout: 10_000 })
  await Promise.all(two.map((s) => s.stop()))
  const [state] = await world.sql`select size from log_state`
  expect(state).toEqual({ size: 200 })
})

test('a sequencer that wakes up after its lease was taken writes nothing, and takes it back once that has run out', async () => {
  const before = (await indexes()).length
  const sleeper = new Sequencer({ sql: world.worker, node: 'sleeper' })
  await createProjects(1)
  expect(await sleeper.drain()).toBe(1)
  // It slept: its time ran out and another one took over.
  await world.owner`update log_state set expires_at = '-infinity'`
  const taker = new Sequencer({ sql: world.another().worker, node: 'taker' })
  await createProjects(1)
  expect(await taker.drain()).toBe(1)
  await createProjects(3)
  expect(await sleeper.drain()).toBe(0)
  expect(await indexes()).toEqual(dense(before + 2))
  expect(await taker.drain()).toBe(3)
  await taker.stop()
  await createProjects(1)
  expect(await sleeper.drain()).toBe(1)
  await sleeper.stop()
  expect(await indexes()).toEqual(dense(before + 6))
})

test('a sequencer whose time is up writes nothing even if nobody took over', async () => {
  const before = (await indexes()).length
  const sleeper = new Sequencer({ sql: world.worker, node: 'sleeper' })
  await createProjects(1)
  expect(await sleeper.drain()).toBe(1)
  await world.owner`update log_state set expires_at = '-infinity'`
  await createProjects(1)
  expect(await sleeper.drain()).toBe(0)
  expect((await indexes()).length).toBe(before + 1)
  expect(await sleeper.drain()).toBe(1)
  await sleeper.stop()
})

test('listeners hear the size of the log once a batch', async () => {
  const heard: number[] = []
  const { unlisten } = await world.sql.listen(LOG_CHANNEL, (size) => heard.push(Number(size)))
  const sequencer = new Sequencer({ sql: world.worker, node: 'a' })
  await createProjects(10)
  await sequencer.drain()
  const size = (await indexes()).length
  await vi.waitFor(() => expect(heard).toEqual([size]), 10_000)
  await unlisten()
  await sequencer.stop()
})

test('an outbox row without its event stops the log loudly and leaves it as it was', async () => {
  const before = await indexes()
  const sequencer = new Sequencer({ sql: world.worker, node: 'a' })
  const [row] = await world.owner<{ id: number }[]>`
    insert into outbox (account_id, stream, seq) values (${world.accountId}, 'project:none', 1) returning id`
  await expect(sequencer.drain()).rejects.toMatchObject({ name: 'DbError', table: 'log' })
  expect(await indexes()).toEqual(before)
  await world.owner`delete from outbox where id = ${row!.id}`
  await sequencer.stop()
})

test('events of a backlog are found by index, though the same connection placed events when the tables were small', async () => {
  const small = await createWorld()
  const one = connect(small.url, { max: 1, role: 'stewrd_worker' })
  const sequencer = new Sequencer({ sql: one, node: 'a' })
  const rename = (stream: StreamId, n: number) =>
    small.store.execute(projects, stream, { type: 'RenameProject', name: `name ${n}` }, by())
  const scans = async () => {
    await one`select pg_stat_force_next_flush()`
    const [{ count } = { count: -1 }] = await one<{ count: number }[]>`
      select seq_scan::int as count from pg_stat_user_tables where relname = 'events'`
    return count
  }
  const stream = small.project()
  await small.store.execute(projects, stream, { type: 'CreateProject', name: 'x' }, by())
  await small.owner`analyze events, outbox`
  await sequencer.drain()
  await Promise.all(Array.from({ length: 3000 }, (_, n) => rename(stream, n)))
  const before = await scans()
  expect(await sequencer.drain()).toBe(3000)
  expect(await scans()).toBe(before)
  await sequencer.stop()
  await disconnect(one)
  await small.close()
})
