import { randomUUID } from 'node:crypto'
import type { RunRow } from '@stewrd/core/runs/runs.projection.ts'
import { runs, runStream } from '@stewrd/core/runs/runs.ts'
import { DEMO_BASE_URL, DEMO_MODEL } from '@stewrd/runtime/demo/demo-model.ts'
import { Secret } from '@stewrd/crypto/secret.ts'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createLogger } from '../kernel/log.ts'
import type { TestPlatform } from '../testing/platform.ts'
import { testPlatform } from '../testing/platform.ts'
import type { RunTarget } from './credentials.ts'
import type { RunsDeps } from './deps.ts'
import { Reaper } from './reaper.ts'
import { Runner } from './run-agent.ts'
import type { StartedRun } from './start-run.ts'

const projectId = randomUUID()
let tested: TestPlatform
beforeAll(async () => {
  tested = await testPlatform()
})
afterAll(() => tested?.close())

const demo: RunTarget = {
  source: 'demo',
  provider: { provider: 'custom', baseUrl: DEMO_BASE_URL },
  model: DEMO_MODEL,
  key: new Secret('demo'),
  fingerprint: null,
}
const silent: typeof fetch = (_url, init) =>
  new Promise((_, reject) => init?.signal?.addEventListener('abort', () => reject(init.signal!.reason as Error)))

function depsWith(over: Partial<RunsDeps> = {}): RunsDeps {
  const { accountId, now, secrets, store } = tested.platform
  const log = createLogger({ production: true, logLevel: 'silent' })
  const none = { source: 'none' } as const
  const deps = { accountId, node: 'here', now, log, secrets, egress: { fetch: silent }, fallback: none }
  return { ...deps, store: store as unknown as RunsDeps['store'], onForget: () => {}, orphans: async () => [], ...over }
}

const streamOf = (runId: string) => ({ accountId: tested.platform.accountId, projectId, stream: runStream(runId) })
const stateOf = async (runId: string) => (await tested.platform.store.head(runs, streamOf(runId))).state

async function begun(target = demo): Promise<StartedRun> {
  const runId = randomUUID()
  const run = {
    object: 'agent.response' as const,
    message: 'Hi',
    files: [],
    capabilities: ['chat'],
    stream: false,
    ...target.provider,
    model: target.model,
    keySource: target.source,
    configRevision: 0,
    keyFingerprint: null,
    credits: 1,
    node: 'dead',
  }
  const meta = { commandId: `start:${runId}`, actor: 'api-key:x', expectedRevision: 0 }
  await tested.platform.store.execute(runs, streamOf(runId), { type: 'StartRun', run }, meta)
  const credential = { projectId, keyId: 'x', capabilities: [], target, revision: 0, guards: [] }
  return { runId, credential, target, capabilities: ['chat'], credits: 1 }
}

test('a run of a dead node ends as failed, once, however many nodes see to it', async () => {
  const { runId } = await begun()
  const orphans = async () => [{ runId, projectId, startedAt: Date.now() - 5000 } as RunRow]
  await Promise.all([new Reaper(depsWith({ orphans })).reap(), new Reaper(depsWith({ orphans })).reap()])
  await new Reaper(depsWith({ orphans })).reap()
  expect(await stateOf(runId)).toMatchObject({ status: 'failed', error: 'compute_error' })
  expect((await tested.platform.store.read(streamOf(runId))).map((r) => r.event.type)).toEqual([
    'RunStarted',
    'RunFailed',
  ])
})

test('a run that ended by itself stays as it ended', async () => {
  const started = await begun()
  await new Runner(depsWith()).run(started, { message: 'Hi' })
  await new Reaper(
    depsWith({ orphans: async () => [{ runId: started.runId, projectId, startedAt: 0 } as RunRow] }),
  ).reap()
  expect(await stateOf(started.runId)).toMatchObject({
    status: 'completed',
    message: expect.stringContaining('demo model'),
  })
})

test('a run that was taken for dead is no answer, and stays failed', async () => {
  const started = await begun()
  await new Reaper(
    depsWith({ orphans: async () => [{ runId: started.runId, projectId, startedAt: 0 } as RunRow] }),
  ).reap()
  await expect(new Runner(depsWith()).run(started, { message: 'Hi' })).rejects.toMatchObject({ code: 'compute_error' })
  expect(await stateOf(started.runId)).toMatchObject({ status: 'failed' })
})

test('a server that stops lets no run begin, and ends those that do not finish in time', async () => {
  const runner = new Runner(depsWith())
  const started = await begun({
    ...demo,
    source: 'default',
    provider: { provider: 'custom', baseUrl: 'http://quiet.example/v1' },
  })
  const running = runner.run(started, { message: 'Hi' })
  await Promise.all([runner.drain(50), expect(running).rejects.toMatchObject({ code: 'compute_unavailable' })])
  expect(() => runner.admit()).toThrow(expect.objectContaining({ code: 'service_unavailable' }))
  expect(await stateOf(started.runId)).toMatchObject({ status: 'failed', error: 'compute_unavailable' })
})
