import { runs, runStream } from '@stewrd/core/runs/runs.ts'
import type { Upstream } from '@stewrd/runtime/testing/upstream.ts'
import { startUpstream } from '@stewrd/runtime/testing/upstream.ts'
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { streamOf } from '../projects/project-of.ts'
import type { TestPlatform } from '../testing/platform.ts'
import { testPlatform } from '../testing/platform.ts'
import type { TestServer } from '../testing/server.ts'
import { listen } from '../testing/server.ts'

const [keyA, keyB] = ['sk-audit-aaaaaaaaaaaaaaaa', 'sk-audit-bbbbbbbbbbbbbbbb']

let upstream: Upstream
let tested: TestPlatform
let server: TestServer
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

const create = async (name: string) => (await server.client.projects.create.mutate({ name })).projectId
const set = (projectId: string, key: string, model = 'gpt-4o') =>
  server.client.llm.set.mutate({ projectId, provider: 'custom', baseUrl: upstream.baseUrl, model, key })

async function run(projectId: string, keyFingerprint: string) {
  const runId = randomUUID()
  const { platform } = tested
  const stream = streamOf(platform, projectId, runStream(runId))
  const data = {
    object: 'agent.response',
    plan: 'self-hosted',
    message: 'Hello',
    files: [],
    capabilities: ['chat'],
    stream: false,
    provider: 'custom',
    baseUrl: upstream.baseUrl,
    model: 'gpt-4o',
    keySource: 'project',
    configRevision: 1,
    keyFingerprint,
    credits: 1,
    node: 'test',
  } as const
  const plain = { sessionId: null, requestDigest: null, deadline: 0 }
  const meta = { commandId: runId, actor: 'operator:test' }
  await platform.store.execute(
    runs,
    stream,
    { type: 'StartRun', run: { ...data, ...plain, files: [], tools: [], capabilities: ['chat'] } },
    meta,
  )
  const said = { content: 'Hi', refusal: null, toolCalls: [], finishReason: 'stop', costNanoUsd: null, extra: null }
  const answer = { step: 1, ...said, tokens: { input: 3, output: 2 }, tokensEstimated: false, durationMs: 5 }
  const done = await platform.store.execute(
    runs,
    stream,
    { type: 'CompleteRun', fence: 1, answer, durationMs: 6 },
    { ...meta, commandId: `${runId}/end` },
  )
  await platform.projector.waitFor(platform.accountId, stream.stream, done.revision, { timeoutMs: 10_000 })
  return runId
}

test('the life of every key is told by replay, and equals what the view says', async () => {
  const one = await create('One')
  const two = await create('Two')
  const a = (await set(one, keyA)).llm.keyFingerprint!
  await run(one, a)
  const b = (await server.client.llm.rotate.mutate({ projectId: one, key: keyB, reason: 'yearly' })).llm.keyFingerprint!
  await run(one, b)
  await set(two, keyA)
  const audit = await server.client.audit.rotations.query({})
  expect(audit.fromView).toEqual({ equal: true, differs: [] })
  expect(audit.unreadable).toBe(0)
  expect(audit.actors).toContainEqual({ id: `user:${server.userId}`, label: 'Ada' })
  const first = audit.projects.find((p) => p.projectId === one)
  expect(first).toMatchObject({ name: 'One', runsAfterReplaced: 0, overdue: false })
  expect(first?.keys).toMatchObject([
    { fingerprint: a, runs: 1, runsAfterReplaced: 0, to: expect.any(Number), alsoIn: [two] },
    { fingerprint: b, runs: 1, to: null, reason: 'yearly', alsoIn: [] },
  ])
  const narrowed = await server.client.audit.rotations.query({ projectId: two, maxAgeDays: 0 })
  expect(narrowed.projects).toMatchObject([{ projectId: two, overdue: true, keys: [{ alsoIn: [one] }] }])
})

test('runs are listed newest first and open with what was said', async () => {
  const projectId = await create('Runs')
  const { keyFingerprint } = (await set(projectId, keyB)).llm
  const ids = [await run(projectId, keyFingerprint!), await run(projectId, keyFingerprint!)]
  const page = await server.client.runs.list.query({ projectId })
  expect(page.runs.map((r) => r.runId)).toEqual(ids.toReversed())
  expect(page.runs[0]).toMatchObject({ status: 'completed', tokens: 5, keyFingerprint })
  const detail = await server.client.runs.get.query({ projectId, runId: ids[0]! })
  expect(detail).toMatchObject({ status: 'completed', request: 'Hello', message: 'Hi', keyFingerprint, steps: 1 })
  expect((await server.client.llm.current.query({ projectId })).lastUsedAt).toBeGreaterThanOrEqual(detail.startedAt)
  expect((await server.client.projects.list.query()).find((p) => p.projectId === projectId)?.lastRun?.runId).toBe(
    ids[1],
  )
  const other = await create('Other')
  await expect(server.client.runs.get.query({ projectId: other, runId: ids[0]! })).rejects.toMatchObject({
    data: { refusal: { code: 'NOT_FOUND', details: { what: 'run' } } },
  })
})

test('the configuration of any moment can be told, by revision and by time', async () => {
  const projectId = await create('Travel')
  await set(projectId, keyA)
  const before = await server.client.audit.configAt.query({ projectId, at: { revision: 1 } })
  await server.client.llm.changeModel.mutate({ projectId, model: 'o1' })
  await server.client.projects.rename.mutate({ projectId, name: 'Travelled' })
  const at = (moment: { time: number } | { revision: number }) =>
    server.client.audit.configAt.query({ projectId, at: moment })
  expect(before.llm).toMatchObject({
    revision: 1,
    changedBy: { label: 'Ada' },
    state: { status: 'own', model: 'gpt-4o' },
  })
  expect((await at({ revision: 0 })).llm.state).toEqual({ status: 'default' })
  expect((await at({ revision: 2 })).llm.state).toMatchObject({ model: 'o1' })
  expect(await at({ time: before.time })).toMatchObject({
    llm: { revision: 1 },
    project: { state: { name: 'Travel' } },
  })
  expect(await at({ time: Date.now() })).toMatchObject({
    llm: { revision: 2 },
    project: { state: { name: 'Travelled' } },
  })
  expect((await at({ time: 0 })).project.revision).toBe(0)
  await expect(at({ revision: 9 })).rejects.toMatchObject({
    data: { refusal: { code: 'NOT_FOUND', details: { what: 'revision', id: '9' } } },
  })
})

test('two moments are compared field by field, and the model of then is restored as a new event', async () => {
  const projectId = await create('Diff')
  await set(projectId, keyA)
  await server.client.llm.changeModel.mutate({ projectId, model: 'o1' })
  const diff = await server.client.audit.diff.query({ projectId, from: { revision: 1 }, to: { revision: 2 } })
  expect(diff.changes).toEqual([{ field: 'llm.model', from: 'gpt-4o', to: 'o1' }])
  expect(JSON.stringify(diff)).not.toContain('sealed')
  const restored = await server.client.llm.changeModel.mutate({
    projectId,
    model: String(diff.from.llm.state.model),
    expectedRevision: 2,
    reason: 'restored revision 1',
  })
  expect(restored).toMatchObject({ revision: 3, llm: { model: 'gpt-4o' } })
  const { entries } = await server.client.history.list.query({ projectId, types: ['ModelChanged'], limit: 1 })
  expect(entries[0]?.data).toEqual({ from: 'o1', to: 'gpt-4o', reason: 'restored revision 1' })
})
