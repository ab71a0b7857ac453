import { randomUUID } from 'node:crypto'
import type { TestDatabase } from '@stewrd/db/testing/database.ts'
import { createTestDatabase } from '@stewrd/db/testing/database.ts'
import type { Upstream } from '@stewrd/runtime/testing/upstream.ts'
import { startUpstream } from '@stewrd/runtime/testing/upstream.ts'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { frames } from '../runs/v1.testing.ts'
import type { ServerProcess } from '../testing/server-process.ts'
import { makeHome, removeHome, startServer, stewrd } from '../testing/server-process.ts'

/** A run ends within so long after its node died. */
const HANDOVER = { timeout: 30_000, interval: 200 }
const key = `sk-handover-${randomUUID()}`
const tool = { name: 'weather', description: 'The weather of a city.', parameters: { type: 'object' } }
let upstream: Upstream
let database: TestDatabase
let homes: string[]
let variables: Record<string, string>
let apiKey: string
let a: ServerProcess
let b: ServerProcess

beforeAll(async () => {
  upstream = await startUpstream({ keys: [key] })
  database = await createTestDatabase()
  homes = [await makeHome(), await makeHome()]
  const keyring = `file:${homes[0]!}/keyring.json`
  variables = {
    DATABASE_URL: database.url,
    STEWRD_KEYRING: keyring,
    STEWRD_EGRESS_ALLOW: upstream.host,
    STEWRD_METERING: 'on',
  }
  const made = (await stewrd(homes[0]!, ['--json', 'project', 'create', 'handover'], { variables })).json()
  const { project_id: id, api_key } = made as { project_id: string; api_key: string }
  apiKey = api_key
  const set = ['llm', 'set', id, '--provider', 'custom', '--model', 'gpt-4o', '--base-url', upstream.baseUrl]
  const saved = await stewrd(homes[0]!, set, { stdin: key, variables })
  if (saved.code !== 0) throw new Error(saved.stderr)
}, 120_000)
afterAll(async () => {
  upstream?.release()
  await upstream?.close()
  await database?.drop()
  await Promise.all(homes.map(removeHome))
})
beforeEach(async () => {
  ;[a, b] = (await Promise.all(homes.map((home) => startServer(home, variables)))) as [ServerProcess, ServerProcess]
  upstream.seen.length = 0
})
afterEach(async () => {
  upstream.release()
  upstream.reply(undefined)
  await Promise.all([a, b].map((node) => node.stop()))
})

type Body = { id: string; status: string; message: string; tool_calls: { id: string }[]; usage: Record<string, number> }
async function call(node: ServerProcess, method: string, path: string, body?: object, headers = {}) {
  const response = await fetch(`${node.url}/v1/agent${path}`, {
    method,
    headers: { authorization: `Bearer ${apiKey}`, ...(body && { 'content-type': 'application/json' }), ...headers },
    ...(body && { body: JSON.stringify(body) }),
  })
  return response
}
const json = async (response: Promise<Response>) => (await (await response).json()) as Body
const asked = (node: ServerProcess, body: object) =>
  json(call(node, 'POST', '', body, { prefer: 'respond-async, wait=0' }))
const ends = (node: ServerProcess, id: string, expected: object) =>
  vi.waitFor(async () => expect(await json(call(node, 'GET', `/${id}`))).toMatchObject(expected), HANDOVER)
const left = async () => {
  const { free = 0, purchased = 0 } = (
    await stewrd(homes[1]!, ['--json', 'credits', 'balance'], { variables })
  ).json() as {
    free?: number
    purchased?: number
  }
  return free + purchased
}
const calls = () => upstream.seen.filter(({ path }) => path.endsWith('/chat/completions')).length

test('a run whose node dies while the model answers ends once on the other, and is charged once', async () => {
  const before = await left()
  upstream.hold()
  const { id } = await asked(a, { message: 'Hi' })
  await vi.waitFor(() => expect(calls()).toBe(1), 10_000)
  await a.kill()
  upstream.release()
  await ends(b, id, { status: 'completed', message: 'Hello from the upstream.' })
  expect(calls()).toBe(2)
  expect(await left()).toBe(before - 1)
}, 60_000)

test('a run that waits for tools goes on at the other node, also when its own is dead, and repeats nothing', async () => {
  const before = await left()
  upstream.reply(({ messages = [] }) =>
    messages.at(-1)!.role === 'tool'
      ? { content: `It is ${messages.at(-1)!.content}.` }
      : { toolCalls: [{ id: 'c1', name: 'weather', arguments: '{}' }] },
  )
  const paused = await json(call(a, 'POST', '', { message: 'Weather?', tools: [tool] }))
  expect(paused).toMatchObject({ status: 'requires_tool_outputs' })
  await a.kill()
  const outputs = { tool_outputs: [{ tool_call_id: 'c1', output: 'sunny' }] }
  const done = await json(call(b, 'POST', `/${paused.id}/tool-outputs`, outputs))
  expect(done).toMatchObject({ id: paused.id, status: 'completed', message: 'It is sunny.' })
  expect(calls()).toBe(2)
  expect(await left()).toBe(before - 1)
}, 60_000)

test('a run whose node dies after the outputs of its tools came does not ask for them again', async () => {
  upstream.reply(({ messages = [] }) =>
    messages.at(-1)!.role === 'tool'
      ? { content: 'Sunny.' }
      : { toolCalls: [{ id: 'c1', name: 'weather', arguments: '{}' }] },
  )
  const paused = await json(call(b, 'POST', '', { message: 'Weather?', tools: [tool] }))
  upstream.hold()
  const outputs = { tool_outputs: [{ tool_call_id: 'c1', output: 'sunny' }] }
  const broken = call(a, 'POST', `/${paused.id}/tool-outputs`, outputs).catch(() => 'cut')
  await vi.waitFor(() => expect(calls()).toBe(2), 10_000)
  await a.kill()
  expect(await broken).toBe('cut')
  upstream.release()
  await ends(b, paused.id, { status: 'completed', message: 'Sunny.' })
  expect(calls()).toBe(3)
}, 60_000)

test('a stream whose node dies is read to its end on the other, with nothing lost or doubled', async () => {
  upstream.reply(() => ({ content: 'one two three four five six', pauseAfter: 3 }))
  const response = await call(a, 'POST', '', { message: 'Count', stream: true })
  const id = response.headers.get('x-stewrd-run')!
  let text = ''
  const reading = (async () => {
    for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) text += chunk
  })().catch(() => 'cut')
  await vi.waitFor(() => expect(text).toContain('three'), 10_000)
  await a.kill()
  expect(await reading).toBe('cut')
  upstream.reply(() => ({ content: 'one two three four five six' }))
  upstream.release()
  const whole = text.slice(0, text.lastIndexOf('\n\n') + 2)
  const first = frames(whole).filter(({ event }) => event === 'token')
  const lastEventId = first.at(-1)!.id!
  const rest = frames(await (await call(b, 'GET', `/${id}/stream`, undefined, { 'last-event-id': lastEventId })).text())
  const read = [...first, ...rest].filter(({ event }) => event === 'token').map(({ data }) => data.text)
  expect(read.join('')).toBe('one two three four five six')
  expect(rest.map(({ event }) => event).filter((event) => event !== 'token')).toEqual(['done'])
}, 60_000)

test('a node that is told to stop hands its runs over', async () => {
  upstream.hold()
  const { id } = await asked(a, { message: 'Hi' })
  await vi.waitFor(() => expect(calls()).toBe(1), 10_000)
  await a.stop()
  upstream.release()
  await ends(b, id, { status: 'completed' })
}, 60_000)

test('a run that is stopped at one node ends at the other that carries it out', async () => {
  upstream.hold()
  const { id } = await asked(a, { message: 'Hi' })
  await vi.waitFor(() => expect(calls()).toBe(1), 10_000)
  expect(await json(call(b, 'DELETE', `/${id}`))).toMatchObject({ id, status: 'cancelled' })
  const watched = await call(a, 'GET', `/${id}/stream`)
  expect(frames(await watched.text())).toMatchObject([{ event: 'done', data: { status: 'cancelled' } }])
}, 60_000)
