import { randomUUID } from 'node:crypto'
import type { RunRow } from '@stewrd/core/runs/runs.projection.ts'
import { runs, runStream } from '@stewrd/core/runs/runs.ts'
import { Secret } from '@stewrd/crypto/secret.ts'
import { DEMO_BASE_URL, DEMO_MODEL } from '@stewrd/runtime/demo/demo-model.ts'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { createLogger } from '../kernel/log.ts'
import { createProject } from '../projects/service.ts'
import type { TestPlatform } from '../testing/platform.ts'
import { testPlatform } from '../testing/platform.ts'
import type { RunTarget } from './credentials.ts'
import { Credentials } from './credentials.ts'
import type { RunsDeps } from './deps.ts'
import { runLimits } from './deps.ts'
import { Resumer } from './resumer.ts'
import { RunLoad } from './capacity.ts'
import { Runner } from './runner.ts'
import type { StartedRun } from './start-run.ts'
import { configOf } from './start-run.ts'

let projectId: string
let tested: TestPlatform
beforeAll(async () => {
  tested = await testPlatform()
  projectId = (await createProject(tested.platform, { name: 'a' }, 'operator:cli')).projectId
})
afterAll(() => tested?.close())

const provider = { provider: 'custom', baseUrl: DEMO_BASE_URL } as const
const demo: RunTarget = { source: 'demo', provider, model: DEMO_MODEL, key: new Secret('demo'), fingerprint: null }
const silent = (_url: unknown, init?: { signal?: AbortSignal | null }) =>
  new Promise<never>((_, reject) => init?.signal?.addEventListener('abort', () => reject(init.signal!.reason as Error)))
const quiet: RunTarget = { ...demo, source: 'default', provider: { provider: 'custom', baseUrl: 'http://quiet/v1' } }

function bed(node: string, over: Partial<RunsDeps> = {}) {
  const { accountId, now, secrets, store, worker: sql } = tested.platform
  const log = createLogger({ production: true, logLevel: 'silent' })
  const revisions = async (streams: readonly string[]) => {
    const rows = await sql<{ stream: string; seq: number }[]>`
      select stream, seq from heads where account_id = ${accountId} and stream = any(${[...streams]}::text[])`
    return new Map(rows.map((row) => [row.stream, row.seq]))
  }
  const deps: RunsDeps = {
    accountId,
    node,
    now,
    log,
    secrets,
    revisions,
    revocations: tested.platform.revocations.apiKeys,
    files: tested.platform.files,
    priceBook: tested.platform.priceBook,
    limits: runLimits,
    egress: { fetch: silent, post: silent },
    fallback: { source: 'demo', provider, model: DEMO_MODEL },
    store: store as unknown as RunsDeps['store'],
    onForget: () => {},
    orphans: async () => [],
    tolls: tested.platform.tolls,
    historyOf: async () => [],
    activeSessions: async () => 0,
    streamOwner: async () => projectId,
    ...over,
  }
  const runner = new Runner(deps, new RunLoad({ atOnce: 1_000, waiting: 500 }))
  return { deps, runner, resumer: new Resumer(deps, new Credentials(deps), runner) }
}

const streamOf = (runId: string) => ({ accountId: tested.platform.accountId, projectId, stream: runStream(runId) })
const stateOf = async (runId: string) => (await tested.platform.store.head(runs, streamOf(runId))).state
const typesOf = async (runId: string) => (await tested.platform.store.read(streamOf(runId))).map((r) => r.event.type)
const orphaned =
  (runId: string, over: Partial<RunRow> = {}) =>
  async () => [{ runId, projectId, status: 'running', startedAt: Date.now() - 5000, ...over } as RunRow]

async function begun({ target = demo, deadline = Date.now() + 60_000 } = {}): Promise<StartedRun> {
  const runId = randomUUID()
  const asked = { object: 'agent.response' as const, message: 'Hi', files: [], tools: [], capabilities: ['chat'] }
  const none = { stream: false, sessionId: null, requestDigest: null, credits: 1, plan: 'self-hosted' }
  const run = { ...asked, ...none, ...configOf({ revision: 0 }, target), node: 'dead', deadline }
  const meta = { commandId: `start:${runId}`, actor: 'operator:test', expectedRevision: 0 }
  const { revision } = await tested.platform.store.execute(runs, streamOf(runId), { type: 'StartRun', run }, meta)
  const credential = { projectId, keyId: 'x', capabilities: [], target, revision: 0, guards: [] }
  return { runId, credential, target, started: run, revision, minute: undefined }
}

test('a run of a dead node goes on at another, once, however many nodes see to it', async () => {
  const { runId } = await begun()
  const beds = ['one', 'two', 'three'].map((node) => bed(node, { orphans: orphaned(runId) }))
  await Promise.all(beds.map(({ resumer }) => resumer.look()))
  await Promise.all(beds.map(({ resumer }) => resumer.look()))
  await vi.waitFor(async () => expect(await stateOf(runId)).toMatchObject({ status: 'completed', fence: 2 }), 10_000)
  await beds[0]!.resumer.look()
  expect(await typesOf(runId)).toEqual(['RunStarted', 'RunResumed', 'ModelAnswered', 'RunCompleted'])
})

test('a node that was taken for dead and lives ends nothing: its run is another’s', async () => {
  const started = await begun({ target: quiet })
  const old = bed('old')
  const live = old.runner.begin(started, { watched: false })
  const other = bed('other', { orphans: orphaned(started.runId) })
  await other.resumer.look()
  await vi.waitFor(async () => expect(await stateOf(started.runId)).toMatchObject({ status: 'completed' }), 10_000)
  live.stop('moved')
  expect(await live.ended.promise).toEqual({ status: 'moved' })
  expect((await typesOf(started.runId)).at(-1)).toBe('RunCompleted')
})

test('a node finds out by itself that its run is another’s, or was stopped elsewhere', async () => {
  const { runner } = bed('old')
  runner.start()
  const [moved, stopped] = [await begun({ target: quiet }), await begun({ target: quiet })]
  const lives = [moved, stopped].map((run) => runner.begin(run, { watched: false }))
  await bed('other', { orphans: orphaned(moved.runId) }).resumer.look()
  const cancel = { type: 'CancelRun', durationMs: 1 } as const
  const meta = { commandId: `cancel:${stopped.runId}`, actor: 'operator:test' }
  await tested.platform.store.execute(runs, streamOf(stopped.runId), cancel, meta)
  expect(await Promise.all(lives.map((live) => live.ended.promise))).toEqual([
    { status: 'moved' },
    { status: 'cancelled' },
  ])
  await runner.drain(0)
})

test('a run that ended by itself stays as it ended', async () => {
  const started = await begun()
  const { runner } = bed('here')
  expect(await runner.begin(started, { watched: false }).ended.promise).toEqual({ status: 'completed' })
  await bed('other', { orphans: orphaned(started.runId) }).resumer.look()
  expect(await stateOf(started.runId)).toMatchObject({
    status: 'completed',
    fence: 1,
    message: expect.stringContaining('demo model'),
  })
})

test('a run over its time is stopped as too long, also when it was interrupted', async () => {
  const late = await begun({ target: quiet, deadline: Date.now() + 30 })
  const end = await bed('here').runner.begin(late, { watched: false }).ended.promise
  expect(end).toMatchObject({ status: 'failed', error: { code: 'compute_unavailable' } })
  const older = await begun({ deadline: Date.now() - 1 })
  const allowance = { models: ['m'], choices: 1, outputTokens: 100 }
  const none = { source: 'default', provider: quiet.provider, model: 'm', key: new Secret('k'), allowance } as const
  await bed('other', { orphans: orphaned(older.runId), fallback: none }).resumer.look()
  await vi.waitFor(async () => expect(await stateOf(older.runId)).toMatchObject({ status: 'failed' }), 10_000)
})

test('a run whose project has nothing to run on any more fails, and says so', async () => {
  const { runId } = await begun()
  await bed('other', { orphans: orphaned(runId), fallback: { source: 'none' } }).resumer.look()
  expect(await stateOf(runId)).toMatchObject({ status: 'failed', error: 'compute_unavailable' })
})

test('a server that stops lets no run begin, and hands over those that do not finish in time', async () => {
  const { runner } = bed('here')
  const started = await begun({ target: quiet })
  const live = runner.begin(started, { watched: false })
  await runner.drain(20)
  expect(await live.ended.promise).toEqual({ status: 'moved' })
  expect(() => runner.admit()).toThrow(expect.objectContaining({ code: 'service_unavailable' }))
  expect(await stateOf(started.runId)).toMatchObject({ status: 'running', fence: 1 })
})
