import { afterAll, beforeAll, expect, test } from 'vitest'
import { appRouter } from '../app-router.ts'
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
  projectId = (await server.client.projects.create.mutate({ name: 'Bad input' })).projectId
})
afterAll(async () => {
  await server?.close()
  await tested?.close()
})

/** What a careful caller would send; each field in turn is then replaced by something wrong. */
const good: Record<string, () => Record<string, unknown>> = {
  'projects.create': () => ({ name: 'x' }),
  'projects.get': () => ({ projectId }),
  'projects.rename': () => ({ projectId, name: 'x', commandId: 'c', expectedRevision: 1 }),
  'projects.changeCapabilities': () => ({ projectId, capabilities: ['chat'] }),
  'projects.changeLimits': () => ({
    projectId,
    limits: { runsPerMinute: 1, runsAtOnce: 1, monthlyTokens: 1, monthlyCents: 1 },
    expectedRevision: 99,
  }),
  'projects.usage': () => ({ projectId }),
  'credits.entries': () => ({ cursor: 'x', limit: 1 }),
  'projects.archive': () => ({ projectId, expectedRevision: 99 }),
  'projects.shredding': () => ({ projectId }),
  'projects.shred': () => ({ projectId, confirm: 'another name', now: false, reason: 'r', commandId: 'c' }),
  'projects.cancelShred': () => ({ projectId }),
  'llm.current': () => ({ projectId }),
  'llm.set': () => ({
    projectId,
    provider: 'openai',
    model: 'gpt-4o',
    key: 'sk-12345678',
    baseUrl: 'https://h/v1',
    reason: 'r',
  }),
  'llm.rotate': () => ({ projectId, key: 'sk-12345678', overlapMinutes: 60, reason: 'r' }),
  'llm.stage': () => ({ projectId, key: 'sk-12345678', reason: 'r' }),
  'llm.activate': () => ({ projectId, overlapMinutes: 60, reason: 'r' }),
  'llm.unstage': () => ({ projectId, reason: 'r' }),
  'llm.rollBack': () => ({ projectId, reason: 'r' }),
  'llm.endOverlap': () => ({ projectId, reason: 'r' }),
  'llm.restore': () => ({ projectId, revision: 1, reason: 'r' }),
  'llm.changeModel': () => ({ projectId, model: 'gpt-4o', reason: 'r' }),
  'llm.remove': () => ({ projectId, reason: 'r' }),
  'llm.test': () => ({ projectId, provider: 'openai', model: 'gpt-4o', key: 'sk-12345678' }),
  'llm.models': () => ({ projectId, provider: 'openai', key: 'sk-12345678' }),
  'apiKeys.current': () => ({ projectId }),
  'apiKeys.regenerate': () => ({ projectId, expectedRevision: 99 }),
  'apiKeys.revoke': () => ({ projectId, expectedRevision: 99 }),
  'history.list': () => ({ projectId, nouns: ['llm'], types: ['x'], actor: 'a', from: 1, to: 2, cursor: 1, limit: 1 }),
  'history.get': () => ({ index: 0 }),
  'history.tail': () => ({ projectId, after: 0, lastEventId: '1' }),
  'audit.rotations': () => ({ projectId, maxAgeDays: 1 }),
  'audit.rotationsPdf': () => ({ projectId, maxAgeDays: 1 }),
  'proof.export': () => ({ projectId }),
  'proof.receipt': () => ({ projectId, runId: projectId }),
  'proof.event': () => ({ index: 0 }),
  'prices.set': () => ({ model: 'gpt-4o', input: 1, output: 2 }),
  'prices.remove': () => ({ model: 'gpt-4o' }),
  'usage.report': () => ({ projectId, from: 1, to: 2, by: 'model' }),
  'sessions.list': () => ({ projectId, cursor: 1, limit: 1, direction: 'forward' }),
  'sessions.get': () => ({ projectId, sessionId: projectId }),
  'sessions.delete': () => ({ projectId, sessionId: projectId }),
  'runs.facets': () => ({ projectId }),
  'projects.fallback': () => ({ projectId }),
  'projects.switchDefaultModel': () => ({ projectId, allowed: true, commandId: 'c', expectedRevision: 1 }),
  'files.list': () => ({ projectId, cursor: 1, limit: 1, direction: 'forward' }),
  'files.url': () => ({ projectId, fileId: projectId }),
  'files.remove': () => ({ projectId, fileId: projectId }),
  'projects.capabilities': () => ({ projectId }),
  'webhooks.current': () => ({ projectId }),
  'webhooks.set': () => ({ projectId, url: 'https://127.0.0.1/hook', reason: 'r' }),
  'webhooks.regenerateSecret': () => ({ projectId, overlapMinutes: 5, reason: 'r' }),
  'webhooks.changeEvents': () => ({ projectId, events: ['agent.failed'], reason: 'r' }),
  'webhooks.remove': () => ({ projectId, reason: 'r' }),
  'webhooks.deliveries': () => ({ projectId, cursor: projectId, limit: 1, direction: 'forward' }),
  'webhooks.delivery': () => ({ projectId, deliveryId: projectId }),
  'webhooks.retry': () => ({ projectId, deliveryId: projectId }),
  'webhooks.sendTest': () => ({ projectId }),
  'keyCustody.policy': () => ({ projectId }),
  'keyCustody.setPolicy': () => ({ projectId, maxAgeDays: 30, reason: 'r' }),
  'audit.configAt': () => ({ projectId, at: { revision: 0 } }),
  'audit.diff': () => ({ projectId, from: { revision: 0 }, to: { time: 1 } }),
  'runs.list': () => ({
    projectId,
    status: 'failed',
    model: 'm',
    keyFingerprint: 'fp',
    sessionId: projectId,
    cursor: 'x',
    limit: 1,
  }),
  'runs.get': () => ({ projectId, runId: projectId }),
  'keys.retire': () => ({ key: 'kek_none/1' }),
  'setup.createOwner': () => ({ name: 'n', email: 'a@b.example', password: 'long enough password', token: 't' }),
}
const withoutInput = [
  'audit.verification',
  'audit.verify',
  'credits.balance',
  'keys.list',
  'keys.rotate',
  'me',
  'projects.list',
  'projects.listShredded',
  'setup.status',
  'prices.list',
  'system.health',
]
const wrong: unknown[] = [{ SENTINEL: 1 }, true, -1.5, 'SENTINEL\u0000\n', ['SENTINEL', 7], 'x'.repeat(5000)]

const procedures = appRouter._def.procedures as unknown as Record<string, { _def: { type: string } }>

function send(path: string, input: unknown): Promise<Response> {
  const headers = { cookie: server.cookie, 'content-type': 'application/json' }
  const text = JSON.stringify(input)
  if (procedures[path]?._def.type === 'mutation')
    return fetch(`${server.url}/trpc/${path}`, { method: 'POST', headers, body: text })
  return fetch(`${server.url}/trpc/${path}?input=${encodeURIComponent(text)}`, { headers })
}

test('every procedure is covered here', () => {
  expect(Object.keys(procedures).toSorted()).toEqual([...Object.keys(good), ...withoutInput].toSorted())
})

test.each(Object.keys(good))('%s answers a wrong type in any field with the name of the field', async (path) => {
  for (const field of Object.keys(good[path]!()))
    for (const value of wrong) {
      const response = await send(path, { ...good[path]!(), [field]: value })
      // Some texts are a fine value for some fields; and a stream that began has no end.
      if (response.status === 200) {
        await response.body?.cancel()
        continue
      }
      const body = await response.text()
      expect([400, 403, 404, 409, 412, 422], `${path} ${field} ${JSON.stringify(value)}: ${body}`).toContain(
        response.status,
      )
      expect(body).not.toContain('SENTINEL')
      expect(response.status !== 400 || body.includes('INVALID_INPUT')).toBe(true)
    }
})

test.each([null, [], 'text', 7, { unknown: 1 }])('a body that is %o is refused', async (body) => {
  const response = await send('llm.set', body)
  expect(response.status).toBe(400)
  expect(await response.text()).toContain('INVALID_INPUT')
})

test.each(['{nope', '', '{"projectId":', '\u0000'])('a body that is no JSON (%o) is said to be none', async (body) => {
  const headers = { cookie: server.cookie, 'content-type': 'application/json' }
  const response = await fetch(`${server.url}/trpc/llm.set`, { method: 'POST', headers, body })
  expect(response.status).toBe(400)
})

test('a body of 10 MB is refused before it is read', async () => {
  const headers = { cookie: server.cookie, 'content-type': 'application/json' }
  const body = JSON.stringify({ projectId, key: 'x'.repeat(10_000_000) })
  const response = await fetch(`${server.url}/trpc/llm.rotate`, { method: 'POST', headers, body })
  expect(response.status).toBe(413)
  expect(await server.client.me.query()).toMatchObject({ name: 'Ada' })
})

test('another content type, and an unknown procedure, are clear answers', async () => {
  const text = { method: 'POST', headers: { cookie: server.cookie, 'content-type': 'text/plain' }, body: '{}' }
  expect((await fetch(`${server.url}/trpc/llm.set`, text)).status).toBe(415)
  expect((await send('nothing.here', {})).status).toBe(404)
})

test('after all that the project is as it was', async () => {
  expect(await server.client.projects.get.query({ projectId })).toMatchObject({ status: 'active' })
  expect(server.logs.join('')).not.toContain('SENTINEL')
})
