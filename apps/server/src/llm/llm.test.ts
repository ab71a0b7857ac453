import { randomUUID } from 'node:crypto'
import type { Upstream } from '@stewrd/runtime/testing/upstream.ts'
import { startUpstream } from '@stewrd/runtime/testing/upstream.ts'
import postgres from 'postgres'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import type { TestPlatform } from '../testing/platform.ts'
import { testPlatform } from '../testing/platform.ts'
import type { TestServer } from '../testing/server.ts'
import { listen } from '../testing/server.ts'

const keyA = 'sk-SENTINEL-aaaaaaaaaaaaaaaa'
const keyB = 'sk-SENTINEL-bbbbbbbbbbbbbbbb'
const wrongKey = 'sk-SENTINEL-wrong-wrong-wrong'

let upstream: Upstream
let tested: TestPlatform
let server: TestServer
let projectId: string
beforeAll(async () => {
  upstream = await startUpstream({ keys: [keyA, keyB] })
  tested = await testPlatform({ STEWRD_EGRESS_ALLOW: upstream.host })
  server = await listen(tested.platform)
})
afterAll(async () => {
  await server?.close()
  await tested?.close()
  await upstream?.close()
})
beforeEach(async () => {
  projectId = (await server.client.projects.create.mutate({ name: 'Llm' })).projectId
})
afterEach(() => {
  upstream.fail(undefined)
  upstream.setKeys([keyA, keyB])
})

const place = () => ({ projectId, provider: 'custom', baseUrl: upstream.baseUrl, model: 'gpt-4o' }) as const
const setA = () => server.client.llm.set.mutate({ ...place(), key: keyA })
const current = () => server.client.llm.current.query({ projectId })
const history = async (type: string) =>
  (await server.client.history.list.query({ projectId, types: [type] })).entries.map((e) => e.data)
const refusal = (code: string, details: object = {}) => ({
  data: { refusal: { code, details: expect.objectContaining(details) } },
})

test('a project without a key says what it runs on', async () => {
  expect(await current()).toMatchObject({ status: 'none', hasProviderKey: false, keyFingerprint: null, revision: 0 })
})

test('a key that the provider accepts is saved as verified', async () => {
  const set = await setA()
  expect(set).toMatchObject({ revision: 1, changed: true, warning: null })
  expect(set.llm).toEqual(await current())
  expect(set.llm).toMatchObject({
    status: 'own',
    provider: 'custom',
    baseUrl: upstream.baseUrl,
    model: 'gpt-4o',
    hasProviderKey: true,
    keyFingerprint: expect.stringMatching(/^fp_[0-9a-f]{16}$/),
    keySetBy: { label: 'Ada' },
    lastUsedAt: null,
    health: { status: 'verified', reason: null },
  })
  expect(await history('KeyVerified')).toHaveLength(1)
})

test('a key that the provider refuses changes nothing, and the refusal is on record', async () => {
  await setA()
  const before = await current()
  const rotating = server.client.llm.rotate.mutate({ projectId, key: wrongKey })
  await expect(rotating).rejects.toMatchObject(refusal('KEY_REJECTED', { status: 401 }))
  expect(await current()).toEqual(before)
  expect(await history('KeyRejected')).toMatchObject([{ source: 'rotate', status: 401 }])
  await expect(server.client.llm.set.mutate({ ...place(), key: wrongKey })).rejects.toMatchObject(
    refusal('KEY_REJECTED'),
  )
  expect(await current()).toEqual(before)
})

test.each(['server-error', 'reset', 'garbage'] as const)(
  'when the provider answers with %s the key is saved with a warning',
  async (fault) => {
    await setA()
    upstream.fail(fault)
    const rotated = await server.client.llm.rotate.mutate({ projectId, key: keyB })
    expect(rotated).toMatchObject({
      revision: 2,
      changed: true,
      warning: expect.stringContaining('without having been tested'),
    })
    expect(rotated.llm.health).toMatchObject({ status: 'unreachable', reason: expect.any(String) })
    expect(JSON.stringify(rotated)).not.toContain('SENTINEL')
  },
)

test('a server that takes any key verifies none', async () => {
  upstream.setKeys('any')
  expect((await setA()).llm.health.status).toBe('unreachable')
})

test('rotating replaces the key and nothing else', async () => {
  const { llm: before } = await setA()
  const { llm: after, revision } = await server.client.llm.rotate.mutate({ projectId, key: keyB, reason: 'leaked' })
  expect(revision).toBe(2)
  expect(after).toMatchObject({ model: before.model, baseUrl: before.baseUrl, provider: before.provider })
  expect(after.keyFingerprint).not.toBe(before.keyFingerprint)
  expect(await history('KeyRotated')).toEqual([
    { key: { fingerprint: after.keyFingerprint }, replaces: before.keyFingerprint, reason: 'leaked' },
  ])
  await expect(server.client.llm.rotate.mutate({ projectId, key: keyB })).rejects.toMatchObject(
    refusal('KEY_UNCHANGED', { fingerprint: after.keyFingerprint }),
  )
})

test.each([undefined, '', '   ', '••••••••', 'sk-…', 'sk-****', '...'])(
  'a key sent as %o never changes the stored one',
  async (key) => {
    const { llm: before } = await setA()
    const set = await server.client.llm.set.mutate({ ...place(), model: 'o1', ...(key === undefined ? {} : { key }) })
    expect(set.llm).toMatchObject({ model: 'o1', keyFingerprint: before.keyFingerprint, revision: 2 })
    await expect(
      server.client.llm.rotate.mutate({ projectId, ...(key === undefined ? {} : { key }) }),
    ).rejects.toMatchObject(refusal('INVALID_INPUT', { field: 'key' }))
  },
)

test('a key only ever goes to the host that it was saved for', async () => {
  await setA()
  const elsewhere = await startUpstream({ keys: 'any' })
  try {
    const moved = { ...place(), baseUrl: elsewhere.baseUrl }
    await expect(server.client.llm.set.mutate(moved)).rejects.toMatchObject(refusal('BASE_URL_REFUSED'))
    const path = { ...place(), baseUrl: `${upstream.baseUrl}/other` }
    const changed = refusal('KEY_REQUIRED', { because: 'base_url_changed' })
    await expect(server.client.llm.set.mutate(path)).rejects.toMatchObject(changed)
    await expect(server.client.llm.test.mutate(path)).rejects.toMatchObject(changed)
    expect((await server.client.llm.models.mutate({ projectId, provider: 'openai' })).source).toBe('suggested')
    expect(elsewhere.seen).toEqual([])
  } finally {
    await elsewhere.close()
  }
})

test.each([
  'http://127.0.0.1:1/v1',
  'http://169.254.169.254/v1',
  'http://[::1]/v1',
  'https://localhost/v1',
  'http://0x7f000001/v1',
])('the server does not connect to %s', async (baseUrl) => {
  const refused = refusal('BASE_URL_REFUSED')
  await expect(server.client.llm.set.mutate({ ...place(), baseUrl, key: keyA })).rejects.toMatchObject(refused)
  await expect(server.client.llm.test.mutate({ ...place(), baseUrl, key: keyA })).rejects.toMatchObject(refused)
  expect((await current()).revision).toBe(0)
})

test('a stale edit is refused before the provider is asked', async () => {
  await setA()
  await server.client.llm.rotate.mutate({ projectId, key: keyB, expectedRevision: 1 })
  const asked = upstream.seen.length
  const stale = server.client.llm.rotate.mutate({ projectId, key: keyA, expectedRevision: 1 })
  await expect(stale).rejects.toMatchObject(refusal('REVISION_MOVED', { expected: 1, actual: 2 }))
  expect(upstream.seen).toHaveLength(asked)
})

test('a key is rotated while the model changes all the time, by whoever looked at the same key', async () => {
  const { revision: seen } = await setA()
  const stop = new AbortController()
  const changing = (async () => {
    let changes = 0
    for (; !stop.signal.aborted; changes++)
      await server.client.llm.changeModel.mutate({ projectId, model: `m-${changes}` })
    return changes
  })()
  await vi.waitFor(async () => expect((await current()).revision).toBeGreaterThan(seen + 5), { timeout: 20_000 })
  const { llm: rotated } = await server.client.llm.rotate.mutate({ projectId, key: keyB, expectedRevision: seen })
  const unpinned = await server.client.llm.rotate.mutate({ projectId, key: keyA })
  stop.abort()
  const changes = await changing
  expect(unpinned.llm.keyFingerprint).not.toBe(rotated.keyFingerprint)
  expect(await history('KeyRotated')).toHaveLength(2)
  expect((await current()).model).toBe(`m-${changes - 1}`)
}, 60_000)

test('a change that is sent twice is carried out and tested once', async () => {
  await setA()
  const commandId = randomUUID()
  const first = await server.client.llm.rotate.mutate({ projectId, key: keyB, commandId })
  const asked = upstream.seen.length
  upstream.setKeys([])
  const second = await server.client.llm.rotate.mutate({ projectId, key: keyB, commandId })
  expect(second.revision).toBe(first.revision)
  expect(upstream.seen).toHaveLength(asked)
})

test('a test of a form saves nothing; a test of the stored key records what it found', async () => {
  const form = await server.client.llm.test.mutate({ ...place(), key: keyA })
  expect(form).toMatchObject({ status: 'verified', tested: 'candidate', inUse: false })
  expect(await server.client.llm.test.mutate({ ...place(), key: wrongKey })).toMatchObject({
    status: 'rejected',
    httpStatus: 401,
  })
  expect((await current()).revision).toBe(0)
  await setA()
  upstream.setKeys([keyB])
  expect(await server.client.llm.test.mutate({ projectId })).toMatchObject({
    status: 'rejected',
    tested: 'stored',
    inUse: true,
  })
  expect(await current()).toMatchObject({ revision: 1, health: { status: 'rejected' } })
})

test('the list of models is the provider’s own, or the suggested one with the reason', async () => {
  const own = await server.client.llm.models.mutate({ ...place(), key: keyA })
  expect(own).toMatchObject({ source: 'provider', problem: null })
  expect(own.models).toContainEqual({ model: 'gpt-4o', bestFor: 'high quality reasoning' })
  upstream.fail('server-error')
  const fallback = await server.client.llm.models.mutate({
    projectId,
    provider: 'custom',
    baseUrl: upstream.baseUrl,
    key: keyA,
  })
  expect(fallback).toMatchObject({ source: 'suggested', problem: expect.any(String) })
})

test('removing the provider leaves the deployment’s model, and a history', async () => {
  await setA()
  const removed = await server.client.llm.remove.mutate({ projectId })
  expect(removed.llm).toMatchObject({ status: 'none', hasProviderKey: false, revision: 2, changedBy: { label: 'Ada' } })
  await expect(server.client.llm.changeModel.mutate({ projectId, model: 'o1' })).rejects.toMatchObject(
    refusal('PROVIDER_NOT_SET'),
  )
  await expect(server.client.llm.set.mutate(place())).rejects.toMatchObject(
    refusal('KEY_REQUIRED', { because: 'first_key' }),
  )
})

test('of rotations at the same moment each is on record, and the last one in the log holds', async () => {
  await setA()
  const results = await Promise.allSettled(
    [keyB, keyB].map((key) => server.client.llm.rotate.mutate({ projectId, key })),
  )
  expect(results.filter((r) => r.status === 'fulfilled')).toHaveLength(1)
  expect((await current()).revision).toBe(2)
})

test('no table holds a key, in any spelling', async () => {
  const sql = postgres(tested.database.url, { max: 1, onnotice: () => {} })
  try {
    const tables = await sql<{ name: string }[]>`select tablename as name from pg_tables where schemaname = 'public'`
    const dump: string[] = []
    for (const { name } of tables)
      dump.push(...(await sql<{ row: string }[]>`select t::text as row from ${sql(name)} t`).map(({ row }) => row))
    expect(dump.length).toBeGreaterThan(100)
    const text = dump.join('\n')
    const spellings = ['utf8', 'hex', 'base64'] as const
    for (const spelling of spellings) expect(text).not.toContain(Buffer.from('SENTINEL').toString(spelling))
  } finally {
    await sql.end({ timeout: 2 })
  }
})

test('no answer and no log line ever held a key', () => {
  expect(server.answers.length).toBeGreaterThan(50)
  expect(server.answers.join('\n')).not.toContain('SENTINEL')
  expect(server.logs.length).toBeGreaterThan(50)
  expect(server.logs.join('')).not.toContain('SENTINEL')
})
