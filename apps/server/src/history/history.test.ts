import { afterAll, beforeAll, expect, test } from 'vitest'
import { liveTail } from '../testing/live-tail.ts'
import type { TestPlatform } from '../testing/platform.ts'
import { testPlatform } from '../testing/platform.ts'
import type { TestServer } from '../testing/server.ts'
import { listen } from '../testing/server.ts'

let tested: TestPlatform
let server: TestServer
let projectId: string
beforeAll(async () => {
  tested = await testPlatform()
  server = await listen(tested.platform)
  projectId = (await server.client.projects.create.mutate({ name: 'History' })).projectId
  for (let i = 1; i <= 8; i++) await rename(`History ${i}`)
})
afterAll(async () => {
  await server?.close()
  await tested?.close()
})
const rename = (name: string) => server.client.projects.rename.mutate({ projectId, name })

test('pages go back to the beginning without a gap or a repetition', async () => {
  const seen: number[] = []
  let cursor: number | null = null
  do {
    const page = await server.client.history.list.query({ projectId, cursor, limit: 3 })
    seen.push(...page.entries.map((e) => e.index))
    cursor = page.nextCursor
  } while (cursor !== null)
  expect(seen).toHaveLength(10)
  expect(seen).toEqual([...new Set(seen)].toSorted((a, b) => b - a))
})

test('a row says who did what, and when', async () => {
  const { entries } = await server.client.history.list.query({ projectId, types: ['ProjectCreated'] })
  expect(entries).toHaveLength(1)
  expect(entries[0]).toMatchObject({
    noun: 'projects',
    type: 'ProjectCreated',
    seq: 1,
    actor: { id: `user:${server.userId}`, label: 'Ada' },
    text: 'created the project History',
    data: { name: 'History' },
    unreadable: null,
  })
  expect(Math.abs(entries[0]!.at - Date.now())).toBeLessThan(60_000)
})

test('filters narrow by noun, type, actor and time', async () => {
  const { list } = server.client.history
  const { entries: all } = await list.query({ projectId })
  const keys = await list.query({ projectId, nouns: ['api-keys'] })
  expect(keys.entries.map((e) => e.type)).toEqual(['ApiKeyIssued'])
  expect((await list.query({ projectId, actor: 'user:nobody' })).entries).toEqual([])
  expect((await list.query({ projectId, actor: `user:${server.userId}` })).entries).toHaveLength(all.length)
  const middle = all[4]!.at
  const [older, newer] = await Promise.all([
    list.query({ projectId, to: middle }),
    list.query({ projectId, from: middle }),
  ])
  expect(older.entries.length + newer.entries.length).toBe(all.length)
  expect(older.entries.every((e) => e.at < middle)).toBe(true)
})

test('an event opens with the state before and after it', async () => {
  const { entries } = await server.client.history.list.query({ projectId, types: ['ProjectRenamed'], limit: 1 })
  const detail = await server.client.history.get.query({ index: entries[0]!.index })
  expect(detail.entry).toEqual(entries[0])
  expect(detail.before).toMatchObject({ name: 'History 7' })
  expect(detail.after).toMatchObject({ name: 'History 8' })
  await expect(server.client.history.get.query({ index: 1_000_000 })).rejects.toMatchObject({
    data: { refusal: { code: 'NOT_FOUND', details: { what: 'event' } } },
  })
})

test('the live tail brings new rows, and a reader that comes back misses none', async () => {
  const first = await liveTail(server, { projectId })
  await rename('Live 1')
  const [row] = await first.take(1)
  expect(row!.entry.text).toBe('renamed the project from History 8 to Live 1')
  first.close()
  await rename('Live 2')
  await rename('Live 3')
  const second = await liveTail(server, { projectId }, row!.id)
  expect((await second.take(2)).map((r) => r.entry.data)).toEqual([
    { from: 'Live 1', to: 'Live 2' },
    { from: 'Live 2', to: 'Live 3' },
  ])
  second.close()
})

test('the live tail of one project is silent about others, and filters', async () => {
  const tail = await liveTail(server, { projectId, nouns: ['api-keys'] })
  await server.client.projects.create.mutate({ name: 'Another' })
  await rename('Live 4')
  await server.client.apiKeys.regenerate.mutate({ projectId })
  expect((await tail.take(1))[0]!.entry).toMatchObject({ type: 'ApiKeyRegenerated', projectId })
  tail.close()
})
