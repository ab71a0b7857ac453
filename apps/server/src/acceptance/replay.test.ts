import { randomUUID } from 'node:crypto'
import { views } from '@stewrd/core/catalog.ts'
import { replayView } from '@stewrd/db/replay.ts'
import type { Upstream } from '@stewrd/runtime/testing/upstream.ts'
import { startUpstream } from '@stewrd/runtime/testing/upstream.ts'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { rotationAudit } from '../audit/rotations.ts'
import { rotateKey } from '../llm/rotation.ts'
import { changeModel, setProvider } from '../llm/service.ts'
import { createProject } from '../projects/service.ts'
import type { TestPlatform } from '../testing/platform.ts'
import { testPlatform } from '../testing/platform.ts'
import type { TestServer } from '../testing/server.ts'
import { listen } from '../testing/server.ts'
import { runAgent } from './calls.testing.ts'

const actor = 'user:auditor'
let upstream: Upstream
let tested: TestPlatform
let server: TestServer
let runsMade = 0
const projects: { projectId: string; apiKey: string }[] = []

beforeAll(async () => {
  upstream = await startUpstream({ keys: 'any' })
  tested = await testPlatform({ STEWRD_EGRESS_ALLOW: upstream.host })
  server = await listen(tested.platform)
  for (const name of ['one', 'two', 'three']) {
    const { projectId, apiKey } = await createProject(tested.platform, { name }, actor)
    projects.push({ projectId, apiKey: apiKey! })
    const provider = { provider: 'custom' as const, baseUrl: upstream.baseUrl, model: 'gpt-4o' }
    await setProvider(tested.platform, { projectId, ...provider, key: `sk-first-of-${name}` }, actor)
  }
})
afterAll(async () => {
  await server?.close()
  await tested?.close()
  await upstream?.close()
})

/** Changes and runs on every project, until told to stop. */
function keepWriting() {
  const stop = new AbortController()
  const done = Promise.all(
    projects.map(async ({ projectId, apiKey }) => {
      let writes = 0
      for (; !stop.signal.aborted; writes++) {
        await runAgent(server.url, apiKey)
        runsMade++
        if (writes % 4 === 0) await rotateKey(tested.platform, { projectId, key: `sk-${randomUUID()}` }, actor)
        else await changeModel(tested.platform, { projectId, model: writes % 2 ? 'o1' : 'gpt-4o' }, actor)
      }
      return writes
    }),
  )
  return async () => {
    stop.abort()
    return await done
  }
}

test('every view is rebuilt with the same digest while writes go on, and readers see the rebuilt one', async () => {
  const stop = keepWriting()
  const results = []
  for (const { projection } of views) results.push(await replayView(tested.platform.replay, projection.name))
  const writes = await stop()
  expect(writes.every((n) => n > 0)).toBe(true)
  expect(results.map(({ view, equal, switched }) => ({ view, equal, switched }))).toEqual(
    views.map(({ projection }) => ({ view: projection.name, equal: true, switched: true })),
  )
  expect(results.filter(({ digest, liveDigest }) => digest !== liveDigest)).toEqual([])
}, 120_000)

test('the rotation audit by replay is what the views say, also while writes go on', async () => {
  const stop = keepWriting()
  const during = await rotationAudit(tested.platform, { maxAgeDays: 90 })
  await stop()
  const after = await rotationAudit(tested.platform, { maxAgeDays: 90 })
  for (const audit of [during, after])
    expect(audit).toMatchObject({ unreadable: 0, fromView: { equal: true, differs: [] } })
  expect(after.projects).toHaveLength(3)
  expect(after.projects.map((p) => p.runsAfterReplaced)).toEqual([0, 0, 0])
  expect(after.projects.every((p) => p.keys.length > 1)).toBe(true)
  const runs = after.projects.flatMap((p) => p.keys).reduce((sum, k) => sum + k.runs, 0)
  expect(runs).toBe(runsMade)
}, 60_000)
