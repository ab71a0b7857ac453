import { setTimeout as wait } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import type { TestPlatform } from './testing/platform.ts'
import { testPlatform } from './testing/platform.ts'
import type { Relay } from './testing/relay.ts'
import { startRelay } from './testing/relay.ts'
import type { TestServer } from './testing/server.ts'
import { clientOf, listen, owner, signIn } from './testing/server.ts'

const model = {
  STEWRD_DEFAULT_BASE_URL: 'http://127.0.0.1:9/v1',
  STEWRD_DEFAULT_API_KEY: 'sk-outage-test-key',
  STEWRD_DEFAULT_MODEL: 'o1',
}
let relay: Relay
let tested: TestPlatform
let server: TestServer
let stuck = 0
beforeAll(async () => {
  const through = async (url: string) => {
    relay = await startRelay(url)
    return relay.url
  }
  tested = await testPlatform(model, through, {
    watchTimes: { answerMs: 500, everyMs: 100, looks: 20 },
  })
  tested.platform.watch(() => stuck++)
  server = await listen(tested.platform)
})
afterAll(async () => {
  await server?.close()
  await tested?.close()
  await relay?.stop().catch(() => {})
})

test('while the database is away every answer says so, and afterwards everything goes on by itself', async () => {
  const { client } = server
  const { projectId } = await client.projects.create.mutate({ name: 'Before' })
  const printed = vi.spyOn(console, 'error').mockImplementation(() => {})
  await relay.stop()
  const away = { data: { code: 'SERVICE_UNAVAILABLE', httpStatus: 503 } }
  await expect(client.projects.list.query()).rejects.toMatchObject(away)
  await expect(client.projects.rename.mutate({ projectId, name: 'x' })).rejects.toMatchObject(away)
  await expect(client.setup.status.query()).rejects.toMatchObject(away)
  await expect(signIn(server.url, owner)).rejects.toThrow('503')
  expect((await fetch(`${server.url}/healthz`)).status).toBe(200)
  expect((await fetch(`${server.url}/readyz`)).status).toBe(503)
  expect(printed).not.toHaveBeenCalled()
  await relay.start()
  await expect.poll(async () => (await fetch(`${server.url}/readyz`)).status, { timeout: 20_000 }).toBe(200)
  expect(await client.projects.rename.mutate({ projectId, name: 'After' })).toMatchObject({ revision: 2 })
  await expect
    .poll(async () => (await client.history.list.query({ projectId })).entries[0]?.text, { timeout: 20_000 })
    .toBe('renamed the project from Before to After')
  expect((await client.projects.list.query()).map((p) => p.name)).toEqual(['After'])
})

/** More of them for a closer look. */
const ROUNDS = Number(process.env.STEWRD_TEST_OUTAGES ?? 4)
const healthy = async () => (await fetch(`${server.url}/readyz`)).status === 200

test('short outages under callers of the dashboard leave no connection behind', {
  timeout: 60_000 + ROUNDS * 20_000,
}, async () => {
  const { client } = server
  const anybody = clientOf(server.url, '')
  const healed: number[] = []
  const statuses = new Set<number>()
  for (let round = 0; round < ROUNDS; round++) {
    const over = new AbortController()
    const callers = Array.from({ length: 40 }, async (_, i) => {
      const ask = i % 3 === 0 ? () => client.projects.list.query() : () => anybody.setup.status.query()
      while (!over.signal.aborted) {
        await ask().catch((error) => statuses.add(error.data?.httpStatus))
        await wait(10)
      }
    })
    await relay.stop()
    await wait(1_500)
    await relay.start()
    const began = performance.now()
    await vi.waitFor(async () => {
      await Promise.all(Array.from({ length: 12 }, () => client.projects.list.query()))
      await Promise.all(Array.from({ length: 12 }, () => anybody.setup.status.query()))
      expect(await healthy()).toBe(true)
    }, 20_000)
    healed.push(Math.round(performance.now() - began))
    over.abort()
    await Promise.all(callers)
  }
  expect([...statuses]).toEqual([503])
  if (process.env.STEWRD_TEST_OUTAGES) process.stderr.write(`healed after, in ms: ${healed.join(' ')}\n`)
  await signIn(server.url, owner)
})

test('a database that stands still is an outage to everybody, within a bounded time, and never "sign in first"', async () => {
  const { client } = server
  const { projectId, apiKey } = await client.projects.create.mutate({ name: 'Still' })
  const v1 = (path: string, init: RequestInit = {}) =>
    fetch(`${server.url}/v1${path}`, {
      ...init,
      headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
    })
  const post = (body: object) => ({ method: 'POST', body: JSON.stringify(body) })
  const calls: Record<string, () => Promise<Response | number>> = {
    'sign-in': () =>
      signIn(server.url, owner).then(
        () => 200,
        (error: Error) => Number(/\d{3}/.exec(error.message)?.[0]),
      ),
    'setup.status': () => fetch(`${server.url}/trpc/setup.status`),
    'projects.list': () => fetch(`${server.url}/trpc/projects.list`, { headers: { cookie: server.cookie } }),
    'projects.rename': () =>
      fetch(`${server.url}/trpc/projects.rename`, {
        ...post({ projectId, name: 'Other' }),
        headers: { cookie: server.cookie, 'content-type': 'application/json', origin: server.url },
      }),
    readyz: () => fetch(`${server.url}/readyz`),
    agent: () => v1('/agent', post({ message: 'Hello', stream: false })),
    chat: () => v1('/chat/completions', post({ model: 'gpt-4o', messages: [{ role: 'user', content: 'Hello' }] })),
    session: () => v1('/sessions', post({})),
    usage: () => v1('/usage'),
    models: () => v1('/models'),
    run: () => v1('/agent/019f0000-0000-7000-8000-000000000000'),
  }
  // The second time the node remembers the API key.
  for (let round = 0; round < 2; round++) {
    relay.freeze()
    const asked = Object.entries(calls).map(async ([name, call]) => {
      const began = performance.now()
      const answer = await call()
      const body = typeof answer === 'number' ? '' : await answer.text()
      const status = typeof answer === 'number' ? answer : answer.status
      return { name, status, ms: Math.round(performance.now() - began), body }
    })
    const answers = await Promise.all(asked)
    relay.thaw()
    expect(answers.map(({ name, status }) => ({ name, status }))).toEqual(
      Object.keys(calls).map((name) => ({ name, status: 503 })),
    )
    // Five seconds, and what a slow machine takes beside.
    expect(Math.max(...answers.map((a) => a.ms))).toBeLessThan(9_000)
    await expect.poll(healthy, { timeout: 20_000 }).toBe(true)
    expect((await v1('/models')).status).toBe(200)
    await signIn(server.url, owner)
  }
})

test('a process whose connections do not answer, though a new one does, is told so', async () => {
  expect(stuck).toBe(0)
  relay.freeze({ oldOnly: true })
  await expect.poll(() => stuck, { timeout: 30_000 }).toBe(1)
  relay.thaw()
  await expect.poll(healthy, { timeout: 20_000 }).toBe(true)
})
