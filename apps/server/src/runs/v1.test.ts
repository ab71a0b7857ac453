import { randomUUID } from 'node:crypto'
import type { RunStarted } from '@stewrd/core/runs/events.ts'
import { runStream } from '@stewrd/core/runs/runs.ts'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { z } from 'zod'
import { operations } from '../openapi/operations.ts'
import { expectViewsWhole, textPlaces, unstorable, withText } from '../testing/text-places.ts'
import type { Answer, Bed } from './v1.testing.ts'
import { answered, frames, openBed } from './v1.testing.ts'

let bed: Bed
let tested: Bed['tested']
let server: Bed['server']
let project: Bed['project']
let newProject: Bed['newProject']
let post: Bed['post']
let started: Bed['started']
beforeAll(async () => {
  bed = await openBed()
  ;({ tested, server, project, newProject, post, started } = bed)
})
afterAll(() => bed?.close())

describe('an answer', () => {
  test('is what the contract says, and the run is on record', async () => {
    const response = await post({ message: 'Hi', stream: false, unknown_field: 1 })
    expect(response.status).toBe(200)
    expect(response.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/)
    const body = (await response.json()) as Answer
    expect(body).toEqual({
      id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      object: 'agent.response',
      status: 'completed',
      message: 'Hello from the upstream.',
      tool_calls: [],
      capabilities_used: ['chat'],
      files: [],
      usage: {
        credits_this_request: 1,
        credits_remaining: 999999999,
        tokens_used: 17,
        requests_used: expect.any(Number),
        requests_limit: 999999999,
      },
      meta: {
        duration_ms: expect.any(Number),
        project_id: project.projectId,
        plan: expect.any(String),
        model: 'gpt-4o',
        provider: 'custom',
        key_source: 'project',
        config_revision: 1,
        key_fingerprint: expect.stringMatching(/^fp_[0-9a-f]{16}$/),
        finish_reason: 'stop',
      },
      _compute_instance: tested.platform.node,
    })
    expect(await started(body.id)).toMatchObject({
      status: 'completed',
      message: body.message,
      started: { message: 'Hi' },
    })
  })

  test('is streamed in frames of LF, and ends with one done', async () => {
    const response = await post({ message: 'Hi', stream: true })
    expect(response.headers.get('content-type')).toContain('text/event-stream')
    expect(response.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/)
    const text = await response.text()
    expect(text).not.toContain('\r')
    const events = frames(text)
    const tokens = events.slice(0, -1)
    expect(tokens.length).toBeGreaterThan(1)
    expect(tokens.every((t) => t.event === 'token')).toBe(true)
    expect(tokens.map((t) => (t.data as unknown as { text: string }).text).join('')).toBe('Hello from the upstream.')
    expect(tokens[0]!.data).toEqual({ text: 'Hello ', content: 'Hello ' })
    const done = events.at(-1)!
    expect(done.event).toBe('done')
    expect(done.data).toMatchObject({
      request_id: response.headers.get('x-request-id'),
      message: 'Hello from the upstream.',
      tokens_used: 17,
      project_id: project.projectId,
      response: { id: done.data.id, status: 'completed' },
    })
  })

  test('sees the files that came with the message', async () => {
    const { id } = await answered(post({ message: 'Read', files: [{ name: 'a.txt', content: 'x' }] }))
    const stream = { accountId: tested.platform.accountId, projectId: project.projectId, stream: runStream(id) }
    const [first] = await tested.platform.store.read(stream)
    expect((first!.event as z.infer<typeof RunStarted>).data.files).toEqual([{ name: 'a.txt', content: 'x' }])
  })

  test('can be asked for again by its project, and by no other', async () => {
    const { id } = await answered(post({ message: 'Hi' }))
    const get = (apiKey: string, run = id) =>
      fetch(`${server.url}/v1/agent/${run}`, { headers: { authorization: `Bearer ${apiKey}` } })
    expect(await (await get(project.apiKey)).json()).toMatchObject({ id, status: 'completed' })
    const other = await newProject({ key: null })
    for (const response of [
      await get(other.apiKey),
      await get(project.apiKey, randomUUID()),
      await get(project.apiKey, 'x'),
    ]) {
      expect(response.status).toBe(404)
      expect(await response.json()).toMatchObject({ error: { code: 'context_expired' } })
    }
  })
})

describe('a bad request', () => {
  const tool = { name: 'a', description: 'b', parameters: { type: 'object' } }
  const bad: [string, unknown, number, string, string?][] = [
    ['no JSON', '{"message":', 400, 'invalid_body'],
    ['an empty body', '', 400, 'invalid_body'],
    ['a list', [], 400, 'invalid_body'],
    ['null', 'null', 400, 'invalid_body'],
    ['a prototype', '{"message":"x","__proto__":{"a":1}}', 400, 'invalid_body'],
    ['no message', {}, 400, 'missing_message'],
    ['an empty message', { message: ' ' }, 400, 'missing_message'],
    ['a number as message', { message: 5 }, 400, 'invalid_body', 'message'],
    ['a text as stream', { message: 'x', stream: 'yes' }, 400, 'invalid_body', 'stream'],
    ['a text as files', { message: 'x', files: 'a.txt' }, 400, 'invalid_body', 'files'],
    [
      'a file without extension',
      { message: 'x', files: [{ name: 'a', content: '' }] },
      400,
      'invalid_body',
      'files.0.name',
    ],
    [
      'a number as content',
      { message: 'x', files: [{ name: 'a.txt', content: 1 }] },
      400,
      'invalid_body',
      'files.0.content',
    ],
    ['an unknown capability', { message: 'x', capabilities: ['fly'] }, 400, 'invalid_capabilities'],
    ['a text as capabilities', { message: 'x', capabilities: 'chat' }, 400, 'invalid_capabilities'],
    ['a capability that is off', { message: 'x', capabilities: ['research'] }, 403, 'capability_not_enabled'],
    ['a text as tools', { message: 'x', tools: 'none' }, 400, 'invalid_tools'],
    [
      'a tool without a name',
      { message: 'x', tools: [{ ...tool, name: undefined }] },
      400,
      'invalid_tools',
      'tools.0.name',
    ],
    ['a tool with a space', { message: 'x', tools: [{ ...tool, name: 'a b' }] }, 400, 'invalid_tools', 'tools.0.name'],
    ['a long name', { message: 'x', tools: [{ ...tool, name: 'a'.repeat(65) }] }, 400, 'invalid_tools', 'tools.0.name'],
    [
      'a long description',
      { message: 'x', tools: [{ ...tool, description: 'a'.repeat(1025) }] },
      400,
      'invalid_tools',
      'tools.0.description',
    ],
    [
      'parameters that are no object',
      { message: 'x', tools: [{ ...tool, parameters: { type: 'string' } }] },
      400,
      'invalid_tools',
      'tools.0.parameters',
    ],
    ['21 tools', { message: 'x', tools: Array.from({ length: 21 }, () => tool) }, 400, 'invalid_tools', 'at most 20'],
    ['over 10 MB', { message: 'x'.repeat(10 * 1024 * 1024) }, 413, 'payload_too_large'],
  ]
  test.each(bad)('with %s is answered by its code', async (_what, body, status, code, field = '') => {
    const response = await post(body)
    expect(response.status).toBe(status)
    expect(response.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/)
    expect(await response.json()).toEqual({
      error: { code, message: expect.stringContaining(field), docs: expect.stringMatching(`^http.*${code}$`) },
    })
  })

  test.each(['', 'sk-stw_', 'sk-stw_000000000000000000000000000000000000', 'nonsense'])(
    'with the API key "%s" is refused, before anything else is looked at',
    async (apiKey) => {
      const response = await post('{', { apiKey })
      expect(response.status).toBe(401)
      expect(await response.json()).toMatchObject({ error: { code: 'invalid_api_key' } })
    },
  )

  test('with a key that was regenerated or of an archived project is refused at once', async () => {
    const other = await newProject()
    expect((await post({ message: 'x' }, other)).status).toBe(200)
    const { apiKey } = await server.client.apiKeys.regenerate.mutate({ projectId: other.projectId })
    expect((await post({ message: 'x' }, other)).status).toBe(401)
    expect((await post({ message: 'x' }, { apiKey: apiKey! })).status).toBe(200)
    await server.client.projects.archive.mutate({ projectId: other.projectId })
    expect((await post({ message: 'x' }, { apiKey: apiKey! })).status).toBe(401)
  })

  test('of a project without a key, on a server without a default, says what to configure', async () => {
    const response = await post({ message: 'x' }, await newProject({ key: null }))
    expect(response.status).toBe(503)
    expect(await response.json()).toMatchObject({
      error: { code: 'service_unavailable', message: expect.stringContaining('STEWRD_DEFAULT_API_KEY') },
    })
  })
})

describe('text that cannot be stored', () => {
  const [tool, file] = [
    { name: 'weather', description: 'The weather.', parameters: { type: 'object' } },
    { name: 'a.txt', content: 'x' },
  ]
  const call = (path: string, body: unknown) => {
    const headers = { authorization: `Bearer ${project.apiKey}`, 'content-type': 'application/json' }
    const url = server.url + path.replace('{id}', '01900000-0000-7000-8000-000000000000')
    return fetch(url, { method: 'POST', headers, body: JSON.stringify(body) })
  }
  const bodies = operations.flatMap(({ path, body, example }) => (body ? [{ path, body, example }] : []))

  test.each(bodies)('is refused by $path in words, or passed on', async ({ path, body, example }) => {
    for (const place of textPlaces(body))
      for (const text of unstorable) {
        const base = {
          ...example,
          ...(place[0] === 'tools' && { tools: [tool] }),
          ...(place[0] === 'files' && { files: [file] }),
        }
        const response = await call(path, withText(base, place, text))
        // There is no run and no session under the id in the path. Of a chat completion all but the model is the provider's to judge.
        const right = path === '/v1/chat/completions' && place[0] !== 'model' ? [200] : [400, 404]
        expect(right, `${place.join('.')}: ${response.status} ${await response.text()}`).toContain(response.status)
      }
  })

  test('in a chat completion reaches the provider, and is recorded with replacement characters', async () => {
    for (const content of ['hi \u0000 \ud83d', [{ type: 'text', text: 'hi \u0000 \ud83d' }]]) {
      const response = await call('/v1/chat/completions', { model: 'default', messages: [{ role: 'user', content }] })
      expect(response.status).toBe(200)
      const run = await started(response.headers.get('x-stewrd-run')!)
      expect(run).toMatchObject({ started: { message: 'hi \ufffd \ufffd' } })
    }
    await expectViewsWhole(tested.platform)
  })
})
