import { noLimits } from '@stewrd/core/projects/limits.ts'
import { randomUUID } from 'node:crypto'
import { SESSION_MS, sessions, sessionStream } from '@stewrd/core/sessions/sessions.ts'
import type { UpstreamRequest } from '@stewrd/runtime/testing/upstream.ts'
import { createApp } from '../app.ts'
import { createLogger } from '../kernel/log.ts'
import { createPlatform } from '../platform.ts'
import { afterAll, afterEach, beforeAll, expect, onTestFinished, test, vi } from 'vitest'
import type { Answer, Bed } from '../runs/v1.testing.ts'
import { frames, openBed } from '../runs/v1.testing.ts'

let bed: Bed
const asked: UpstreamRequest[] = []
beforeAll(async () => {
  bed = await openBed({ variables: { STEWRD_SESSION_LIMIT: '4' } })
})
afterAll(() => bed?.close())
afterEach(() => {
  bed.upstream.fail(undefined)
  bed.upstream.release()
})

const echo = () => {
  asked.length = 0
  bed.upstream.reply((request) => {
    asked.push(request)
    return { content: `You said ${request.messages!.at(-1)!.content}` }
  })
}
async function call(method: string, path: string, body?: unknown, apiKey = bed.project.apiKey) {
  const response = await fetch(`${bed.server.url}/v1/sessions${path}`, {
    method,
    headers: { authorization: `Bearer ${apiKey}`, ...(body !== undefined && { 'content-type': 'application/json' }) },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
  return { status: response.status, body: (await response.json()) as Record<string, unknown> & Answer }
}
const opened = async (apiKey?: string) => (await call('POST', '', undefined, apiKey)).body.id
const say = (id: string, message: string) => call('POST', `/${id}/messages`, { message, stream: false })

test('a session needs no body, and its messages see all that was said before', async () => {
  echo()
  const { status, body } = await call('POST', '')
  expect([status, body]).toMatchObject([201, { object: 'session', status: 'active' }])
  const first = await say(body.id, 'I am Ada')
  expect(first).toMatchObject({ status: 200, body: { object: 'session.message', session_id: body.id } })
  await say(body.id, 'Who am I?')
  expect(asked[1]!.messages!.slice(1).map(({ role, content }) => [role, content])).toEqual([
    ['user', 'I am Ada'],
    ['assistant', 'You said I am Ada'],
    ['user', 'Who am I?'],
  ])
  expect((await call('GET', `/${body.id}/messages`)).body['data']).toMatchObject([
    { id: first.body.id, message: 'I am Ada', answer: 'You said I am Ada' },
    { message: 'Who am I?' },
  ])
  expect((await call('GET', `/${body.id}`)).body).toMatchObject({ status: 'active', message_count: 2 })
})

test('messages that come at once are answered one after another, in their order', async () => {
  echo()
  const id = await opened()
  const texts = ['one', 'two', 'three', 'four']
  const answers = await Promise.all(texts.map((text) => say(id, text)))
  expect(answers.map((a) => a.status)).toEqual([200, 200, 200, 200])
  expect(asked.map(({ messages }) => messages!.length)).toEqual([2, 4, 6, 8])
  expect(asked.map(({ messages }) => messages!.at(-1)!.content)).toEqual(texts)
})

test('a message can be streamed, and one that failed is not part of the history', async () => {
  echo()
  const { apiKey } = await bed.newProject()
  const id = await opened(apiKey)
  bed.upstream.fail('not-found')
  const failed = await call('POST', `/${id}/messages`, { message: 'lost' }, apiKey)
  expect(failed).toMatchObject({ status: 424, body: { error: { code: 'model_not_found' } } })
  bed.upstream.fail(undefined)
  const response = await fetch(`${bed.server.url}/v1/sessions/${id}/messages`, {
    method: 'POST',
    headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ message: 'Hi', stream: true }),
  })
  const list = frames(await response.text())
  expect(list.at(-1)).toMatchObject({ event: 'done', data: { object: 'session.message', session_id: id } })
  expect(asked.at(-1)!.messages!.map(({ content }) => content)).not.toContain('lost')
  expect((await call('GET', `/${id}/messages`, undefined, apiKey)).body['data']).toHaveLength(1)
})

test('a session of nobody, of another project or deleted is not found; one at rest for too long has expired', async () => {
  echo()
  const { apiKey, projectId } = await bed.newProject()
  const id = await opened(apiKey)
  const missing = { status: 404, body: { error: { code: 'session_not_found' } } }
  expect(await say(id, 'theirs')).toMatchObject(missing)
  expect(await call('GET', `/${randomUUID()}`)).toMatchObject(missing)
  expect(await call('GET', '/nonsense')).toMatchObject(missing)
  expect(await call('DELETE', `/${id}`, undefined, apiKey)).toMatchObject({ status: 200, body: { deleted: true } })
  expect(await call('POST', `/${id}/messages`, { message: 'x' }, apiKey)).toMatchObject(missing)
  const { accountId, store } = bed.tested.platform
  const old = randomUUID()
  const stream = { accountId, projectId, stream: sessionStream(old) }
  const at = Date.now() - SESSION_MS - 1000
  const meta = { commandId: `open:${old}`, actor: 'operator:test' }
  await store.execute(sessions, stream, { type: 'OpenSession', at }, meta)
  const gone = await call('POST', `/${old}/messages`, { message: 'x' }, apiKey)
  expect(gone).toMatchObject({ status: 410, body: { error: { code: 'session_expired' } } })
  expect((await call('GET', `/${old}`, undefined, apiKey)).body).toMatchObject({ status: 'expired' })
})

test('a project has so many active sessions and no more, also of those that were opened a moment ago', async () => {
  const { apiKey } = await bed.newProject()
  const open = () => call('POST', '', undefined, apiKey)
  const first = await open()
  for (let n = 0; n < 3; n++) expect((await open()).status).toBe(201)
  expect(await open()).toMatchObject({ status: 429, body: { error: { code: 'session_limit_reached' } } })
  await call('DELETE', `/${first.body.id}`, undefined, apiKey)
  await vi.waitFor(async () => expect((await open()).status).toBe(201), 10_000)
})

test('sessions that are opened at once are no more than may be, by the server’s limit or the project’s own', async () => {
  const { projectId, apiKey } = await bed.newProject()
  const open = async (times: number) => {
    const all = await Promise.all(Array.from({ length: times }, () => call('POST', '', undefined, apiKey)))
    return all.map(({ status }) => status).toSorted((a, b) => a - b)
  }
  expect(await open(10)).toEqual([...Array<number>(4).fill(201), ...Array<number>(6).fill(429)])
  await bed.server.client.projects.changeLimits.mutate({ projectId, limits: { ...noLimits, openSessions: 6 } })
  await vi.waitFor(async () => {
    const { kept } = await bed.server.client.projects.usage.query({ projectId })
    expect(kept.openSessions).toBe(4)
  }, 10_000)
  expect(await open(5)).toEqual([201, 201, 429, 429, 429])
})

test('tools of the client’s own work in a session, and their run is part of it once it has ended', async () => {
  const tool = { name: 'weather', description: 'The weather.', parameters: { type: 'object' } }
  bed.upstream.reply(({ messages = [] }) =>
    messages.at(-1)!.role === 'tool'
      ? { content: 'Sunny.' }
      : { toolCalls: [{ id: 'c1', name: 'weather', arguments: '{}' }] },
  )
  const { apiKey } = await bed.newProject()
  const id = await opened(apiKey)
  const paused = await call('POST', `/${id}/messages`, { message: 'Weather?', tools: [tool] }, apiKey)
  expect(paused.body).toMatchObject({ status: 'requires_tool_outputs', session_id: id })
  const done = await fetch(`${bed.server.url}/v1/agent/${paused.body.id}/tool-outputs`, {
    method: 'POST',
    headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ tool_outputs: [{ tool_call_id: 'c1', output: 'sun' }] }),
  })
  expect(await done.json()).toMatchObject({ id: paused.body.id, status: 'completed', session_id: id })
  expect((await call('GET', `/${id}/messages`, undefined, apiKey)).body['data']).toMatchObject([{ answer: 'Sunny.' }])
})

/** Another server on the same database, which hears of a change only when it looks. */
async function anotherNode(): Promise<string> {
  const log = createLogger({ production: true, logLevel: 'silent' })
  const platform = await createPlatform(bed.tested.env, { as: 'command', log })
  const app = await createApp({ platform, log })
  onTestFinished(async () => {
    await app.close()
    await platform.close()
  })
  return app.listen({ port: 0, host: '127.0.0.1' })
}

/** A form whose file ends when `end` is called. */
function slowForm() {
  const { readable, writable } = new TransformStream<Uint8Array, Uint8Array>()
  const writer = writable.getWriter()
  const write = (text: string) => writer.write(new TextEncoder().encode(text))
  const name = 'content-disposition: form-data; name="file"; filename="a.txt"'
  const begun = write(`--b\r\n${name}\r\n\r\nhello`)
  const end = async () => {
    await begun
    await write('\r\n--b--\r\n')
    await writer.close()
  }
  return { readable, end }
}

test('a revoked API key appends nothing, also on a node that still remembers it', async () => {
  echo()
  const { apiKey, projectId } = await bed.newProject()
  const url = await anotherNode()
  const authorization = `Bearer ${apiKey}`
  const at = (method: string, path: string, body?: object) =>
    fetch(`${url}${path}`, {
      method,
      headers: { authorization, ...(body && { 'content-type': 'application/json' }) },
      ...(body && { body: JSON.stringify(body) }),
    })
  const { id } = (await (await at('POST', '/v1/sessions')).json()) as Answer
  const first = await at('POST', `/v1/sessions/${id}/messages`, { message: 'hello', stream: false })
  expect(first.status).toBe(200)
  const form = slowForm()
  const upload = fetch(`${url}/v1/files`, {
    method: 'POST',
    headers: { authorization, 'content-type': 'multipart/form-data; boundary=b' },
    body: form.readable,
    duplex: 'half',
  })
  const { worker: sql } = bed.tested.platform
  const byKey = async () => {
    const rows = await sql`select 1 from events where project_id = ${projectId} and actor like 'api-key:%'`
    return rows.length
  }
  await bed.server.client.apiKeys.revoke.mutate({ projectId })
  const before = await byKey()
  const answers = await Promise.all([
    at('POST', `/v1/sessions/${id}/messages`, { message: 'again', stream: false }),
    at('POST', '/v1/sessions'),
    at('DELETE', `/v1/sessions/${id}`),
    at('POST', '/v1/agent', { message: 'hello', stream: false }),
    form.end().then(() => upload),
  ])
  for (const answer of answers)
    expect([answer.status, await answer.json()]).toMatchObject([401, { error: { code: 'invalid_api_key' } }])
  expect(await byKey()).toBe(before)
})
