import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { views } from '@stewrd/core/catalog.ts'
import { remainsOf } from '@stewrd/db/shredding/shredding.ts'
import { replayView } from '@stewrd/db/replay.ts'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { createProject } from '../projects/service.ts'
import type { TestPlatform } from '../testing/platform.ts'
import { testPlatform } from '../testing/platform.ts'
import { requestShredding, shredding } from './service.ts'
import { shredSteps } from './shred.ts'

let server: TestPlatform
beforeAll(async () => {
  server = await testPlatform()
})
afterAll(() => server.close())

/** In a process of its own, beside the server of this test. */
async function killed(...args: string[]): Promise<NodeJS.Signals | null> {
  const script = new URL('testing/killed.ts', import.meta.url).pathname
  const variables = { DATABASE_URL: server.env.databaseUrl, STEWRD_HOME: server.env.home, NODE_ENV: 'test' }
  const child = spawn(process.execPath, [script, ...args], { env: { ...process.env, ...variables }, stdio: 'inherit' })
  const [, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null]
  return signal
}

test.each(shredSteps)('a shredding that dies after "%s" is ended, and leaves nothing', async (step) => {
  const { platform } = server
  const { projectId } = await createProject(platform, { name: step }, 'operator:cli')
  await requestShredding(platform, { projectId, confirm: step, now: false }, 'operator:cli')
  expect(await killed(step, projectId)).toBe('SIGKILL')
  await vi.waitFor(async () => expect((await shredding(platform, projectId)).state).toBe('pending'), {
    timeout: 30_000,
    interval: 100,
  })
  const left = await remainsOf(platform.sql, platform.accountId, projectId)
  expect(left).toEqual({ dataKeys: 0, states: 0, rows: 0, lookups: 0 })
  const events = await platform.sql<{ type: string }[]>`
    select type from events where project_id = ${projectId} and type = 'ProjectShredded'`
  expect(events).toHaveLength(1)
})

test('afterwards the history is verified, and every view is rebuilt as it stands', async () => {
  const { platform } = server
  const verified = await platform.verifier.verify('operator:test')
  expect(verified.findings).toEqual([])
  for (const { projection } of views)
    expect(await replayView(platform.replay, projection.name)).toMatchObject({ view: projection.name, equal: true })
})
