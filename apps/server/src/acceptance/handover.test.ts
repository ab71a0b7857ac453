import { randomUUID } from 'node:crypto'
import { runStream } from '@stewrd/core/runs/runs.ts'
import { connect, disconnect } from '@stewrd/db/connect.ts'
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
    STEWRD_DRAIN_NOTICE_SECONDS: '1',
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

test('a node that stood still while its run was taken over changes nothing when it goes on', async () => {
  const before = await left()
  upstream.hold()
  const { id } = await asked(a, { message: 'Hi' })
  await vi.waitFor(() => expect(calls()).toBe(1), 10_000)
  a.freeze()
  try {
    await vi.waitFor(() => expect(calls()).toBe(2), HANDOVER)
    upstream.release()
    await ends(b, id, { status: 'completed', message: 'Hello from the upstream.' })
  } finally {
    a.thaw()
  }
  // The answer that it had waited for has come too, and it would record it as the end of the run.
  await vi.waitFor(async () => expect((await fetch(`${a.url}/readyz`)).status).toBe(200), HANDOVER)
  const next = await json(call(a, 'POST', '', { message: 'And now?' }))
  await ends(a, next.id, { status: 'completed' })
  await ends(a, id, { status: 'completed', message: 'Hello from the upstream.' })
  expect(await left()).toBe(before - 2)
  const sql = connect(database.url, { max: 1, role: 'stewrd_worker' })
  const ended = await sql<{ stream: string; type: string }[]>`
    select stream, type from events where stream = any (${[id, next.id].map(runStream)}::text[]) and type ~ 'Completed|Failed|Expired'`
  await disconnect(sql)
  expect(ended.map(({ stream }) => stream).toSorted()).toEqual([id, next.id].map(runStream).toSorted())
  const verified = await stewrd(homes[1]!, ['audit', 'verify', '--json'], { variables })
  expect([verified.code, verified.lines().at(-1)]).toMatchObject([0, { ok: true }])
}, 90_000)

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

async function restarted(other: Record<string, string>) {
  await Promise.all([a, b].map((node) => node.stop()))
  ;[a, b] = (await Promise.all(homes.map((home) => startServer(home, other)))) as [ServerProcess, ServerProcess]
}

const text = 'one two three four five six'
/** A stream as its client has read it, and how it ended. */
async function watched(node: ServerProcess, content: string, authorization = apiKey) {
  const response = await call(
    node,
    'POST',
    '',
    { message: content, stream: true },
    { authorization: `Bearer ${authorization}` },
  )
  const stream = { id: response.headers.get('x-stewrd-run')!, text: '' }
  const ended = (async () => {
    for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) stream.text += chunk
  })()
  return { stream, ended }
}
const said = (stream: string) =>
  frames(stream)
    .filter(({ event }) => event === 'token')
    .map(({ data }) => data.text)
    .join('')

test('a server that stops serves on until that is noticed, lets streams finish, and hands the rest over whole', async () => {
  const slow = await startUpstream({ keys: [key] })
  const other = { ...variables, STEWRD_EGRESS_ALLOW: `${upstream.host},${slow.host}` }
  await restarted(other)
  const made = (await stewrd(homes[0]!, ['--json', 'project', 'create', 'slow'], { variables: other })).json()
  const { project_id: id, api_key: slowKey } = made as { project_id: string; api_key: string }
  const set = ['llm', 'set', id, '--provider', 'custom', '--model', 'gpt-4o', '--base-url', slow.baseUrl]
  expect((await stewrd(homes[0]!, set, { stdin: key, variables: other })).code).toBe(0)
  for (const provider of [upstream, slow]) provider.reply(() => ({ content: text, pauseAfter: 3 }))
  const short = await Promise.all(Array.from({ length: 20 }, () => watched(a, 'short')))
  const long = await Promise.all(Array.from({ length: 20 }, () => watched(a, 'long', slowKey)))
  await vi.waitFor(
    () =>
      expect(
        [...short, ...long].every(
          ({ stream }) => said(stream.text.slice(0, stream.text.lastIndexOf('\n\n') + 2)) === 'one two three ',
        ),
      ).toBe(true),
    { timeout: 20_000 },
  )
  const stopped = a.stop()
  await vi.waitFor(async () => expect((await fetch(`${a.url}/readyz`)).status).toBe(503))
  const meanwhile = await call(a, 'GET', `/${short[0]!.stream.id}`)
  expect([meanwhile.status, meanwhile.headers.get('connection')]).toEqual([200, 'close'])
  upstream.release()
  await Promise.all(short.map(({ ended }) => ended))
  for (const { stream } of short) {
    expect(said(stream.text)).toBe(text)
    expect(frames(stream.text).at(-1)).toMatchObject({ event: 'done' })
  }
  await Promise.all(long.map(({ ended }) => ended))
  for (const { stream } of long)
    expect(frames(stream.text).at(-1)).toMatchObject({
      event: 'error',
      data: { message: expect.stringContaining('GET /v1/agent/') },
    })
  expect(await stopped).toBe(0)
  slow.reply(() => ({ content: text }))
  slow.release()
  await Promise.all(
    long.map(async ({ stream }) => {
      const before = frames(stream.text).filter(({ event }) => event === 'token')
      const headers = { authorization: `Bearer ${slowKey}`, 'last-event-id': before.at(-1)!.id! }
      const rest = await (await call(b, 'GET', `/${stream.id}/stream`, undefined, headers)).text()
      expect(said(stream.text) + said(rest)).toBe(text)
      expect(frames(rest).at(-1)).toMatchObject({ event: 'done', data: { status: 'completed' } })
    }),
  )
  await slow.close()
}, 120_000)

test('while servers restart one after another, no request fails that is sent again once, to the other one', async () => {
  const unmetered = { ...variables, STEWRD_METERING: 'off' }
  await restarted(unmetered)
  const load = new AbortController()
  let asked = 0
  const failed: unknown[] = []
  const attempt = (node: ServerProcess) =>
    call(node, 'POST', '', { message: 'Hi' }).then(
      async (response) => ({ status: response.status, text: await response.text() }),
      (error: unknown) => ({ status: 0, text: String(error) }),
    )
  const client = async () => {
    while (!load.signal.aborted) {
      const nodes = asked++ % 2 === 0 ? [a, b] : [b, a]
      const first = await attempt(nodes[0]!)
      if (first.status === 200) continue
      const second = await attempt(nodes[1]!)
      if (second.status !== 200) failed.push(first, second)
    }
  }
  const clients = Array.from({ length: 6 }, client)
  await vi.waitFor(() => expect(asked).toBeGreaterThan(20), 20_000)
  expect(await a.stop()).toBe(0)
  a = await startServer(homes[0]!, unmetered)
  expect(await b.stop()).toBe(0)
  b = await startServer(homes[1]!, unmetered)
  load.abort()
  await Promise.all(clients)
  expect(failed).toEqual([])
  expect(asked).toBeGreaterThan(50)
}, 120_000)
