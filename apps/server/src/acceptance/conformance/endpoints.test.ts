import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, vi } from 'vitest'
import type { Bed, Project } from './testing/bed.ts'
import { openBed } from './testing/bed.ts'
import { eventsOf, nullsIn } from './testing/clients.ts'
import { conforms, conformsOnBoth } from './testing/conform.ts'
import { GREETING } from './testing/models.ts'

let bed: Bed
beforeAll(async () => {
  bed = await openBed()
}, 60_000)
afterAll(() => bed?.close())
const theBed = () => bed

type Body = Record<string, unknown> & { id: string; data: Record<string, unknown>[] }
async function ask(method: string, path: string, body?: unknown, where: Partial<Project> = {}) {
  const response = await bed.call(method, path, body, where)
  return { status: response.status, headers: response.headers, body: (await response.json()) as Body }
}
const hi = { message: 'Hi', stream: false }
const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
const error = (code: string) => ({ error: { code } })
const tool = { name: 'weather', description: 'The weather.', parameters: { type: 'object' } }

conformsOnBoth('endpoint: POST /v1/agent', theBed, async (side) => {
  expect(await ask('POST', '/v1/agent', hi, side)).toMatchObject({
    status: 200,
    body: { object: 'agent.response', message: GREETING },
  })
})

conformsOnBoth('endpoint: GET /v1/agent/{id}', theBed, async (side) => {
  const { body } = await ask('POST', '/v1/agent', hi, side)
  expect(await ask('GET', `/v1/agent/${body.id}`, undefined, side)).toMatchObject({ status: 200, body })
  const other = await bed.newProject(null)
  const missing = { status: 404, body: error('context_expired') }
  expect(await ask('GET', `/v1/agent/${body.id}`, undefined, other)).toMatchObject(missing)
  expect(await ask('GET', `/v1/agent/${randomUUID()}`, undefined, side)).toMatchObject(missing)
})

conforms('endpoint: DELETE /v1/agent/{id}', async () => {
  bed.calm()
  bed.double.upstream.hold()
  const { body, status, headers } = await (async () => {
    const response = await bed.call('POST', '/v1/agent', hi, { headers: { prefer: 'respond-async, wait=0' } })
    return { status: response.status, headers: response.headers, body: (await response.json()) as Body }
  })()
  expect([status, headers.get('location'), body['status']]).toEqual([202, `/v1/agent/${body.id}`, 'in_progress'])
  const stopped = { status: 200, body: { id: body.id, status: 'cancelled' } }
  for (let times = 0; times < 2; times++) expect(await ask('DELETE', `/v1/agent/${body.id}`)).toMatchObject(stopped)
  bed.calm()
  expect(await ask('DELETE', `/v1/agent/${randomUUID()}`)).toMatchObject({
    status: 404,
    body: error('context_expired'),
  })
})

conformsOnBoth('endpoint: GET /v1/agent/{id}/stream', theBed, async (side) => {
  const text = await (await bed.call('POST', '/v1/agent', { ...hi, stream: true }, side)).text()
  const ids = [...text.matchAll(/^id: (\S+)$/gm)].map(([, id]) => id!)
  expect(ids.length).toBeGreaterThan(1)
  const { id } = eventsOf(text).at(-1)!.data as Body
  const again = async (lastEventId?: string) => {
    const headers = lastEventId === undefined ? {} : { 'last-event-id': lastEventId }
    return eventsOf(await (await bed.call('GET', `/v1/agent/${id}/stream`, undefined, { ...side, headers })).text())
  }
  const said = (events: { data: Record<string, unknown> }[]) =>
    events.map(({ data }) => (data['text'] as string | undefined) ?? '').join('')
  const tokens = eventsOf(text).filter(({ event }) => event === 'token')
  expect(said(await again())).toBe(GREETING)
  for (const [n, last] of ids.entries()) expect(said(tokens.slice(0, n + 1)) + said(await again(last))).toBe(GREETING)
  expect((await again(ids.at(-1))).map(({ event }) => event)).toEqual(['done'])
})

conformsOnBoth('endpoint: POST /v1/agent/{id}/tool-outputs', theBed, async (side) => {
  side.model.reply(({ messages = [] }) =>
    messages.at(-1)!.role === 'tool'
      ? { content: 'Sunny.' }
      : { toolCalls: [{ id: 'c1', name: 'weather', arguments: '{}' }] },
  )
  const { body } = await ask('POST', '/v1/agent', { ...hi, tools: [tool] }, side)
  const outputs = { tool_outputs: [{ tool_call_id: 'c1', output: 'sun' }] }
  expect(await ask('POST', `/v1/agent/${body.id}/tool-outputs`, outputs, side)).toMatchObject({
    status: 200,
    body: { id: body.id, object: 'agent.response', status: 'completed', message: 'Sunny.' },
  })
})

conforms('endpoint: POST /v1/sessions', async () => {
  const { apiKey } = bed.sides.double
  const json = { 'content-type': 'application/json' }
  const asked: [unknown, Record<string, string>][] = [
    [undefined, {}],
    [undefined, json],
    ['', json],
    [{}, {}],
    [{ metadata: { a: 1 } }, {}],
    ['null', json],
  ]
  for (const [body, headers] of asked) {
    const response = await bed.call('POST', '/v1/sessions', body, { apiKey, headers })
    const session = (await response.json()) as Body
    expect([body, headers, response.status]).toEqual([body, headers, 201])
    expect(session).toMatchObject({ object: 'session', status: 'active' })
    expect(session.id).toMatch(uuid)
  }
})

conforms('endpoint: GET /v1/sessions/{id}', async () => {
  const { body } = await ask('POST', '/v1/sessions')
  expect(await ask('GET', `/v1/sessions/${body.id}`)).toMatchObject({
    status: 200,
    body: { id: body.id, object: 'session', status: 'active', message_count: 0 },
  })
})

conforms('endpoint: DELETE /v1/sessions/{id}', async () => {
  const { body } = await ask('POST', '/v1/sessions')
  const deleted = { id: body.id, object: 'session', deleted: true }
  const response = await bed.call('DELETE', `/v1/sessions/${body.id}`, undefined, {
    headers: { 'content-type': 'application/json' },
  })
  expect([response.status, await response.json()]).toEqual([200, deleted])
  expect(await ask('GET', `/v1/sessions/${body.id}`)).toMatchObject({ status: 404, body: error('session_not_found') })
})

conformsOnBoth('endpoint: GET /v1/sessions/{id}/messages', theBed, async (side) => {
  const { body } = await ask('POST', '/v1/sessions', undefined, side)
  const said = await ask('POST', `/v1/sessions/${body.id}/messages`, hi, side)
  await vi.waitFor(async () => {
    const list = await ask('GET', `/v1/sessions/${body.id}/messages`, undefined, side)
    expect(list).toMatchObject({ status: 200, body: { object: 'list' } })
    expect(list.body.data).toMatchObject([{ id: said.body.id, message: 'Hi', answer: GREETING }])
  }, 10_000)
})

conformsOnBoth('endpoint: POST /v1/sessions/{id}/messages', theBed, async (side) => {
  const { body } = await ask('POST', '/v1/sessions', undefined, side)
  const path = `/v1/sessions/${body.id}/messages`
  expect(await ask('POST', path, hi, side)).toMatchObject({
    status: 200,
    body: { object: 'session.message', session_id: body.id, status: 'completed', message: GREETING },
  })
  const text = await (await bed.call('POST', path, { ...hi, stream: true }, side)).text()
  expect(eventsOf(text).at(-1)).toMatchObject({
    event: 'done',
    data: { session_id: body.id, object: 'session.message' },
  })
})

conformsOnBoth('endpoint: POST /v1/chat/completions', theBed, async (side) => {
  const messages = [{ role: 'user', content: 'Hi' }]
  const answer = await ask('POST', '/v1/chat/completions', { model: 'gpt-4o', messages }, side)
  expect(answer).toMatchObject({ status: 200, body: { choices: [{ message: { content: GREETING } }] } })
  const headers = ['x-stewrd-run', 'x-stewrd-revision', 'x-stewrd-key-source'].map((name) => answer.headers.get(name))
  expect(headers).toEqual([expect.stringMatching(uuid), '1', 'project'])
  const stream = await (await bed.call('POST', '/v1/chat/completions', { messages, stream: true }, side)).text()
  expect(stream.trimEnd().endsWith('data: [DONE]')).toBe(true)
})

conformsOnBoth('endpoint: GET /v1/models', theBed, async (side) => {
  const { status, body } = await ask('GET', '/v1/models', undefined, side)
  expect([status, body['object']]).toEqual([200, 'list'])
  expect(body.data).toContainEqual(
    expect.objectContaining({ id: 'gpt-4o', object: 'model', stewrd: { default: true } }),
  )
  expect(nullsIn(body)).toEqual([])
})

conformsOnBoth('endpoint: GET /v1/models/{id}', theBed, async (side) => {
  const { status, body } = await ask('GET', '/v1/models/gpt-4o', undefined, side)
  expect([status, body]).toMatchObject([200, { id: 'gpt-4o', object: 'model', stewrd: { default: true } }])
  for (const id of ['no/such', encodeURIComponent('no/such'), '', 'gpt-4o/'])
    expect(await ask('GET', `/v1/models/${id}`, undefined, side)).toMatchObject({
      status: 404,
      body: error('not_found'),
    })
})

conforms('endpoint: GET /v1/usage', async () => {
  const { status, body } = await ask('GET', '/v1/usage')
  expect([status, body['project_id']]).toEqual([200, bed.sides.double.projectId])
  expect(nullsIn(body)).toEqual([])
})

conforms('endpoint: GET /v1/openapi.json', async () => {
  const response = await fetch(`${bed.server.url}/v1/openapi.json`)
  expect([response.status, await response.json()]).toMatchObject([
    200,
    { openapi: expect.stringMatching(/^3\.1/) as string },
  ])
})

conforms('endpoint: GET /healthz and GET /readyz', async () => {
  for (const path of ['/healthz', '/readyz']) expect((await fetch(bed.server.url + path)).status).toBe(200)
})
