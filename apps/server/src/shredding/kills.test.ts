import { views } from '@stewrd/core/catalog.ts'
import { remainsOf } from '@stewrd/db/shredding/shredding.ts'
import { replayView } from '@stewrd/db/replay.ts'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { createProject } from '../projects/service.ts'
import { endOf } from '../testing/killed-process.ts'
import type { TestPlatform } from '../testing/platform.ts'
import { testPlatform } from '../testing/platform.ts'
import { requestShredding, shredding } from './service.ts'
import { shredSteps } from './shred.ts'

let server: TestPlatform
beforeAll(async () => {
  server = await testPlatform()
})
afterAll(() => server.close())

const script = new URL('testing/killed.ts', import.meta.url)
const killed = (...args: string[]) => endOf(script, server, ...args)

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
  const events = await platform.worker<{ type: string }[]>`
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
