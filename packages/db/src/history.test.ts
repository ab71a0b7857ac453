import { projects } from '@stewrd/core/projects/projects.ts'
import { llm, llmStream } from '@stewrd/core/llm/llm.ts'
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { History } from './history.ts'
import type { LogRange } from './log-reader.ts'
import { readLog } from './log-reader.ts'
import type { Entry } from './record.ts'
import { Sequencer } from './sequencer.ts'
import { by, createWorld } from './testkit/world.ts'
import type { World } from './testkit/world.ts'

let world: World
let history: History
let sequencer: Sequencer
beforeAll(async () => {
  world = await createWorld()
  history = new History(world)
  sequencer = new Sequencer({ sql: world.worker, node: 'test' })
})
afterAll(async () => {
  await sequencer.stop()
  await world.close()
})

const create = { type: 'CreateProject', name: 'x' } as const
const key = { sealed: 'AAAA', dekId: randomUUID(), fingerprint: 'fp_0000000000000001' }
const set = {
  type: 'SetProvider',
  provider: { provider: 'openai', baseUrl: 'https://api.openai.com/v1' },
  model: 'm',
  key,
} as const

test('history filters by project, noun, type, actor and time, and pages by index', async () => {
  const [a, b] = [world.project(), world.project()]
  await world.store.execute(projects, a, create, { ...by(), actor: 'user:a' })
  await world.store.execute(projects, b, create, { ...by(), actor: 'user:b' })
  await world.store.execute(llm, { ...a, stream: llmStream(a.projectId) }, set, { ...by(), actor: 'user:a' })
  await sequencer.drain()
  const indexes = async (filter: Parameters<History['list']>[1]) =>
    (await history.list(world.accountId, filter)).map((e) => e.index)
  expect(await indexes({})).toEqual([2, 1, 0])
  expect(await indexes({ projectId: a.projectId })).toEqual([2, 0])
  expect(await indexes({ nouns: ['llm'] })).toEqual([2])
  expect(await indexes({ types: ['ProjectCreated'] })).toEqual([1, 0])
  expect(await indexes({ actor: 'user:b' })).toEqual([1])
  expect(await indexes({ limit: 1, before: 2 })).toEqual([1])
  expect(await indexes({ after: 0 })).toEqual([1, 2])
  const { at } = (await history.get(world.accountId, 2))!
  expect(await indexes({ to: at })).not.toContain(2)
  expect(await indexes({ from: at })).toContain(2)
  expect(await indexes({ from: at + 60_000 })).toEqual([])
  expect(await history.get(randomUUID(), 2)).toBeUndefined()
  expect(await history.size()).toBe(3)
})

test('an event that was tampered with is shown as what it is, among the others', async () => {
  const stream = world.project()
  await world.store.execute(projects, stream, create, by())
  await world.store.execute(projects, stream, { type: 'RenameProject', name: 'y' }, by())
  await sequencer.drain()
  await world.owner`update events set actor = 'user:forged' where stream = ${stream.stream} and seq = 1`
  const entries = await history.list(world.accountId, { projectId: stream.projectId })
  expect(entries).toMatchObject([
    { event: { type: 'ProjectRenamed' } },
    { unreadable: 'ENVELOPE_TAMPERED', event: { data: null } },
  ])
  await world.owner`update events set actor = 'user:test' where stream = ${stream.stream} and seq = 1`
  await world.owner`update data_keys set wrapped = set_byte(wrapped, 20, 255 - get_byte(wrapped, 20)) where scope = ${stream.projectId}`
  const locked = await new History(world.another()).list(world.accountId, { projectId: stream.projectId })
  expect(locked.map((e) => e.unreadable)).toEqual(['UNWRAP_FAILED', 'UNWRAP_FAILED'])
  const all: Entry[] = []
  const { worker: sql, dataKeys } = world.another()
  for await (const batch of readLog({ sql, dataKeys })) all.push(...batch)
  expect(all.map((e) => e.index)).toEqual(all.map((_, i) => i))
  expect(all.filter((e) => e.unreadable)).toHaveLength(2)
})

test('a tail gives every event after an index, in order and without a gap, and ends when told', async () => {
  const controller = new AbortController()
  const start = await history.size()
  const seen: number[] = []
  const tailing = (async () => {
    for await (const entry of history.tail(world.accountId, { after: start - 1, signal: controller.signal }))
      seen.push(entry.index)
  })()
  sequencer.start()
  for (let round = 0; round < 5; round++) {
    await Promise.all(Array.from({ length: 60 }, () => world.store.execute(projects, world.project(), create, by())))
    sequencer.poke()
  }
  await vi.waitFor(() => expect(seen).toHaveLength(300), { timeout: 10_000 })
  expect(seen).toEqual(Array.from({ length: 300 }, (_, i) => start + i))
  controller.abort()
  await tailing
})

test('a range of the log is read in order, batch by batch', async () => {
  const seen: number[] = []
  for await (const batch of readLog(world.background, { from: 5, to: 250 })) seen.push(...batch.map((e) => e.index))
  expect(seen).toEqual(Array.from({ length: 245 }, (_, i) => i + 5))
})

test('an event that does not follow from the one before it is read as that, from wherever reading begins', async () => {
  const stream = world.project()
  await world.store.execute(projects, stream, create, by())
  for (const name of ['a', 'b', 'c']) await world.store.execute(projects, stream, { type: 'RenameProject', name }, by())
  await sequencer.drain()
  const read = async (range: LogRange = {}) => {
    const entries: Entry[] = []
    for await (const batch of readLog(world.background, range)) entries.push(...batch)
    return entries.filter((e) => e.stream === stream.stream).map((e) => e.unreadable ?? e.seq)
  }
  const { projectId } = stream
  expect(await read({ projectId })).toEqual([1, 2, 3, 4])
  const [third] = await world.sql<{ idx: number }[]>`select idx from log where stream = ${stream.stream} and seq = 3`
  await world.owner`update events set commitment = sha256(commitment) where stream = ${stream.stream} and seq = 2`
  expect(await read()).toEqual([1, 'CHAIN_BROKEN', 3, 4])
  expect(await read({ projectId, nouns: ['projects'] })).toEqual([1, 'CHAIN_BROKEN', 3, 4])
  expect(await read({ from: third!.idx })).toEqual([3, 4])
  await world.owner`update events set chain = sha256(chain) where stream = ${stream.stream} and seq = 2`
  expect(await read({ from: third!.idx })).toEqual(['CHAIN_BROKEN', 4])
  await world.owner`delete from events where stream = ${stream.stream} and seq = 2`
  expect(await read({ accountId: world.accountId })).toEqual([1, 'CHAIN_BROKEN', 4])
})
