import { randomUUID } from 'node:crypto'
import { runs, runStream } from '@stewrd/core/runs/runs.ts'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createLogger } from '../kernel/log.ts'
import { createProject } from '../projects/service.ts'
import { streamOf } from '../projects/project-of.ts'
import type { TestPlatform } from '../testing/platform.ts'
import { testPlatform } from '../testing/platform.ts'
import { Nodes, orphanedRuns } from './nodes.ts'

let tested: TestPlatform
let projectId: string
beforeAll(async () => {
  tested = await testPlatform()
  projectId = (await createProject(tested.platform, { name: 'Nodes' }, 'operator:test')).projectId
})
afterAll(() => tested?.close())

const log = createLogger({ production: true, logLevel: 'silent' })

async function startRun(node: string): Promise<string> {
  const { platform } = tested
  const runId = randomUUID()
  const stream = streamOf(platform, projectId, runStream(runId))
  const run = {
    object: 'agent.response' as const,
    message: 'Hello',
    files: [],
    capabilities: ['chat'],
    stream: false,
    tools: [],
    sessionId: null,
    requestDigest: null,
    plan: 'self-hosted',
    deadline: 0,
    provider: 'custom',
    baseUrl: 'http://127.0.0.1:1/v1',
    model: 'm',
    keySource: 'default' as const,
    configRevision: 0,
    keyFingerprint: null,
    credits: 1,
    node,
  }
  const meta = { commandId: runId, actor: 'operator:test' }
  const { revision } = await platform.store.execute(runs, stream, { type: 'StartRun', run }, meta)
  await platform.projector.waitFor(platform.accountId, stream.stream, revision, { timeoutMs: 10_000 })
  return runId
}
const orphans = async () =>
  (await orphanedRuns(tested.platform.sql, tested.platform.accountId, { node: 'me', live: [] })).map(
    ({ runId }) => runId,
  )

test('a run is an orphan as soon as its node is gone, and not before', async () => {
  const { sql, node, nodes } = tested.platform
  const other = new Nodes({
    sql,
    node: 'other',
    log,
    clock: tested.platform.clock,
    alone: false,
    masterKeys: async () => [],
    forgotten: async () => 0,
  })
  await other.start()
  expect(await nodes.count()).toBe(2)
  const [mine, theirs] = [await startRun(node), await startRun('other')]
  expect(await orphans()).toEqual([])
  await other.stop()
  expect(await orphans()).toEqual([theirs])
  expect(await orphans()).not.toContain(mine)
  expect(await nodes.count()).toBe(1)
})

test('a node that was silent for long counts as gone', async () => {
  const { sql } = tested.platform
  await sql`insert into nodes (id) values ('silent')`
  const run = await startRun('silent')
  expect(await orphans()).not.toContain(run)
  await sql`update nodes set seen_at = now() - interval '1 minute' where id = 'silent'`
  expect(await orphans()).toContain(run)
})

test('a server that is alone does not wait for those that a crash left behind', async () => {
  const { sql, node } = tested.platform
  await sql`insert into nodes (id) values ('crashed')`
  const run = await startRun('crashed')
  const nodes = new Nodes({
    sql,
    node,
    log,
    clock: tested.platform.clock,
    alone: true,
    masterKeys: async () => [],
    forgotten: async () => 0,
  })
  await nodes.start()
  expect(await orphans()).toContain(run)
  await nodes.stop()
})
