import { randomUUID } from 'node:crypto'
import { llm, llmStream } from '@stewrd/core/llm/llm.ts'
import type { RunStarted } from '@stewrd/core/runs/events.ts'
import { runs, runStream } from '@stewrd/core/runs/runs.ts'
import { Secret } from '@stewrd/crypto/secret.ts'
import type { Fault, Upstream } from '@stewrd/runtime/testing/upstream.ts'
import { startUpstream } from '@stewrd/runtime/testing/upstream.ts'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { z } from 'zod'
import type { TestPlatform } from '../testing/platform.ts'
import { testPlatform } from '../testing/platform.ts'
import type { TestServer } from '../testing/server.ts'
import { listen } from '../testing/server.ts'

const keyA = 'sk-SENTINEL-aaaaaaaaaaaaaaaa'
const keyB = 'sk-SENTINEL-bbbbbbbbbbbbbbbb'
let upstream: Upstream
let tested: TestPlatform
let server: TestServer
let project: { projectId: string; apiKey: string }
beforeAll(async () => {
  upstream = await startUpstream({ keys: [keyA, keyB] })
  tested = await testPlatform({ STEWRD_EGRESS_ALLOW: upstream.host })
  server = await listen(tested.platform)
  project = await newProject()
})
afterAll(async () => {
  await server?.close()
  await tested?.close()
  await upstream?.close()
})
afterEach(() => upstream.fail(undefined))

async function newProject({ key = keyA }: { key?: string | null } = {}) {
  const { projectId, apiKey } = await server.client.projects.create.mutate({ name: 'Runs' })
  if (key !== null)
    await server.client.llm.set.mutate({
      projectId,
      provider: 'custom',
      baseUrl: upstream.baseUrl,
      model: 'gpt-4o',
      key,
    })
  return { projectId, apiKey: apiKey! }
}

const post = (body: unknown, { apiKey = project.apiKey, headers = {} } = {}) =>
  fetch(`${server.url}/v1/agent`, {
    method: 'POST',
    headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json', ...headers },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
type Answer = {
  id: string
  message: string
  meta: Record<string, unknown>
  error?: { code: string; message: string; docs: string }
}
const answered = async (response: Promise<Response>) => (await (await response).json()) as Answer
const started = async (runId: string, { projectId } = project) => {
  const stream = { accountId: tested.platform.accountId, projectId, stream: runStream(runId) }
  const { state } = await tested.platform.store.head(runs, stream)
  return state
}
const frames = (text: string) =>
  text
    .split('\n\n')
    .filter(Boolean)
    .map((frame) => {
      const [event, data] = frame.split('\n')
      return { event: event!.slice('event: '.length), data: JSON.parse(data!.slice('data: '.length)) as Answer }
    })

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
      'a tool, for now',
      { message: 'x', tools: [{ name: 'a', description: 'b', parameters: { type: 'object' } }] },
      400,
      'invalid_tools',
    ],
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

describe('a provider that fails', () => {
  const outcomes: [Fault, number, string][] = [
    ['unauthorized', 424, 'provider_key_rejected'],
    ['payment', 424, 'provider_quota_exceeded'],
    ['quota', 424, 'provider_quota_exceeded'],
    ['rate', 502, 'compute_error'],
    ['not-found', 424, 'model_not_found'],
    ['server-error', 502, 'compute_error'],
    ['garbage', 502, 'compute_error'],
    ['reset', 502, 'compute_unavailable'],
    ['truncate', 502, 'compute_error'],
  ]
  test.each(outcomes)('%s is answered with %s %s, and the run ends as failed', async (fault, status, code) => {
    upstream.fail(fault)
    const response = await post({ message: 'x' })
    const text = await response.text()
    expect([response.status, (JSON.parse(text) as Answer).error?.code]).toEqual([status, code])
    expect(text).not.toContain('SENTINEL')
    const { runs: rows } = await server.client.runs.list.query({ projectId: project.projectId, limit: 1 })
    await expect.poll(async () => (await started(rows[0]!.runId)).status).not.toBe('running')
  })

  test('in the middle of a stream ends it with one error', async () => {
    upstream.fail('truncate')
    const events = frames(await (await post({ message: 'x', stream: true })).text())
    expect(events.map((e) => e.event)).toEqual(['token', 'error'])
    expect(events[1]!.data).toEqual({ code: 'compute_error', message: expect.any(String) })
  })

  test('before the first word is answered as plain JSON', async () => {
    upstream.fail('unauthorized')
    const response = await post({ message: 'x', stream: true })
    expect(response.status).toBe(424)
    expect(await response.json()).toMatchObject({ error: { code: 'provider_key_rejected' } })
  })

  test('leaves what it said about the key in its health, and the key nowhere', async () => {
    const other = await newProject()
    upstream.fail('unauthorized')
    await post({ message: 'x' }, other)
    await expect
      .poll(async () => (await server.client.llm.current.query({ projectId: other.projectId })).health)
      .toMatchObject({ status: 'rejected' })
    expect(server.logs.join('')).not.toMatch(/SENTINEL|sk-stw_/)
  })

  test('while the client goes away still leaves a run that ended', async () => {
    upstream.hold()
    const gone = new AbortController()
    const other = await newProjectWhileHeld()
    const before = upstream.seen.length
    const request = fetch(`${server.url}/v1/agent`, {
      method: 'POST',
      headers: { authorization: `Bearer ${other.apiKey}`, 'content-type': 'application/json' },
      body: JSON.stringify({ message: 'x', stream: true }),
      signal: gone.signal,
    }).catch(() => {})
    await expect.poll(() => upstream.seen.length).toBe(before + 1)
    gone.abort()
    await request
    upstream.release()
    await expect
      .poll(async () => (await server.client.runs.list.query({ projectId: other.projectId, limit: 1 })).runs[0]?.status)
      .toBe('completed')
  })
})

/** Its key is sealed without asking the provider, which is holding its answers back. */
async function newProjectWhileHeld() {
  const other = await newProject({ key: null })
  await setKey(other.projectId, keyA)
  return other
}

async function setKey(projectId: string, key: string) {
  const { platform } = tested
  const provider = { provider: 'custom', baseUrl: upstream.baseUrl } as const
  const stream = { accountId: platform.accountId, projectId, stream: llmStream(projectId) }
  const sealed = await platform.secrets.sealKey(projectId, provider.baseUrl, new Secret(key))
  const { revision } = await platform.store.head(llm, stream)
  const meta = { commandId: randomUUID(), actor: 'operator:test' }
  if (revision === 0)
    await platform.store.execute(llm, stream, { type: 'SetProvider', provider, model: 'gpt-4o', key: sealed }, meta)
  else await platform.store.execute(llm, stream, { type: 'RotateKey', key: sealed }, meta)
}

test('between a request and the provider call there is one append, and nothing else', async () => {
  await post({ message: 'warm' })
  const { store } = tested.platform
  const calls: string[] = []
  const before = upstream.seen.length
  const note = (what: string) =>
    calls.push(`${what} ${upstream.seen.length > before ? 'after' : 'before'} the provider`)
  const { execute } = store
  const [lookup, heads] = [store.lookup.bind(store), store.heads.bind(store)]
  Object.assign(store, {
    execute: (...given: Parameters<typeof execute>) => (note('execute'), execute(...given)),
    lookup: (hash: string) => (note('lookup'), lookup(hash)),
    heads: (requests: never) => (note('heads'), heads(requests)),
  })
  await post({ message: 'hot' })
  Object.assign(store, { execute, lookup, heads })
  expect(calls).toEqual(['execute before the provider', 'execute after the provider'])
})

test('of 100 parallel runs with a rotation in the middle, none that starts after the acknowledgement uses the old key', async () => {
  const other = await newProject()
  await post({ message: 'warm' }, other)
  upstream.seen.length = 0
  let acknowledged = Number.POSITIVE_INFINITY
  const asked: Promise<{ startedAfter: boolean; fingerprint: unknown; status: number }>[] = []
  const ask = async () => {
    const startedAfter = performance.now() > acknowledged
    const response = await post({ message: 'x' }, other)
    const { meta } = (await response.json()) as Answer
    return { startedAfter, fingerprint: meta.key_fingerprint, status: response.status }
  }
  let rotating: Promise<void> | undefined
  for (let i = 0; i < 100; i++) {
    asked.push(ask())
    if (i === 40)
      rotating = setKey(other.projectId, keyB).then(() => {
        acknowledged = performance.now()
      })
    // The second half waits for the acknowledgement: at least those must all be on B.
    if (i === 50) await rotating
  }
  const results = await Promise.all(asked)
  expect(results.every((r) => r.status === 200)).toBe(true)
  const late = results.filter((r) => r.startedAfter)
  const fingerprintB = tested.platform.secrets.fingerprint(new Secret(keyB))
  expect(late.length).toBeGreaterThanOrEqual(49)
  expect(late.every((r) => r.fingerprint === fingerprintB)).toBe(true)
  const used = Map.groupBy(upstream.seen, (s) => s.key)
  expect((used.get(keyA)?.length ?? 0) + used.get(keyB)!.length).toBe(100)
  expect(used.get(keyB)!.length).toBe(results.filter((r) => r.fingerprint === fingerprintB).length)
})
