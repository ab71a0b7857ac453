import { randomUUID } from 'node:crypto'
import { keyCustody, keyCustodyStream } from '@stewrd/core/key-custody/key-custody.ts'
import type { Upstream } from '@stewrd/runtime/testing/upstream.ts'
import { startUpstream } from '@stewrd/runtime/testing/upstream.ts'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { streamOf } from '../projects/project-of.ts'
import type { TestPlatform } from '../testing/platform.ts'
import { testPlatform } from '../testing/platform.ts'
import type { TestServer } from '../testing/server.ts'
import { listen } from '../testing/server.ts'

const DAY = 86_400_000
const key = 'sk-policy-aaaaaaaaaaaaaaaa'

let upstream: Upstream
let tested: TestPlatform
let server: TestServer
beforeAll(async () => {
  upstream = await startUpstream({ keys: [key] })
  tested = await testPlatform({ STEWRD_EGRESS_ALLOW: upstream.host })
  server = await listen(tested.platform)
})
afterAll(async () => {
  await server?.close()
  await tested?.close()
  await upstream?.close()
})

async function withKey(name: string): Promise<string> {
  const { projectId } = await server.client.projects.create.mutate({ name })
  await server.client.llm.set.mutate({
    projectId,
    provider: 'custom',
    baseUrl: upstream.baseUrl,
    model: 'gpt-4o',
    key,
  })
  return projectId
}
const rotation = async (projectId: string) => (await server.client.llm.current.query({ projectId })).rotation
const listed = async (projectId: string) =>
  (await server.client.projects.list.query()).find((p) => p.projectId === projectId)?.rotation

test('a rule of its own decides when the key is due, on the project and in the list', async () => {
  const projectId = await withKey('Ruled')
  const { keySetAt } = await server.client.llm.current.query({ projectId })
  expect(await rotation(projectId)).toEqual({
    status: 'fine',
    maxAgeDays: 90,
    own: false,
    dueAt: keySetAt! + 90 * DAY,
  })
  const set = await server.client.keyCustody.setPolicy.mutate({ projectId, maxAgeDays: 30, reason: 'contract' })
  expect(set).toEqual({ maxAgeDays: 30, own: true, revision: 1, changed: true })
  const due = { status: 'fine', maxAgeDays: 30, own: true, dueAt: keySetAt! + 30 * DAY }
  expect(await rotation(projectId)).toEqual(due)
  expect(await listed(projectId)).toEqual(due)
})

test('a rule leaves the configuration at its revision, so that no run has to look again', async () => {
  const projectId = await withKey('Undisturbed')
  const before = await server.client.llm.current.query({ projectId })
  await server.client.keyCustody.setPolicy.mutate({ projectId, maxAgeDays: 7 })
  const after = await server.client.llm.current.query({ projectId })
  expect({ ...after, rotation: null }).toEqual({ ...before, rotation: null })
  expect((await server.client.projects.get.query({ projectId })).revision).toBe(1)
})

test('a withdrawn rule gives way to that of the deployment, and history says so', async () => {
  const projectId = await withKey('Withdrawn')
  await server.client.keyCustody.setPolicy.mutate({ projectId, maxAgeDays: 1 })
  await server.client.keyCustody.setPolicy.mutate({ projectId, maxAgeDays: null })
  expect(await server.client.keyCustody.policy.query({ projectId })).toEqual({
    maxAgeDays: 90,
    own: false,
    revision: 2,
  })
  const { entries } = await server.client.history.list.query({ projectId, nouns: ['key-custody'] })
  expect(entries.map((e) => e.text)).toEqual([
    'withdrew the rule that a key is rotated after 1 day',
    'ruled that a key is rotated after 1 day',
  ])
})

test('the audit by replay measures by the rule, names who made it, and equals the view', async () => {
  const projectId = await withKey('Audited')
  await server.client.keyCustody.setPolicy.mutate({ projectId, maxAgeDays: 30, reason: 'contract' })
  const audit = await server.client.audit.rotations.query({ projectId })
  expect(audit.fromView.equal).toBe(true)
  expect(audit.maxAgeDays).toBeNull()
  expect(audit.projects).toMatchObject([
    {
      policy: { maxAgeDays: 30, source: 'project', by: `user:${server.userId}`, reason: 'contract' },
      due: { status: 'fine', own: true },
      overdue: false,
    },
  ])
  const asked = await server.client.audit.rotations.query({ projectId, maxAgeDays: 0 })
  expect(asked.projects).toMatchObject([{ overdue: true, policy: { maxAgeDays: 0, source: 'asked' } }])
})

test.each([0, 1.5, 4000])('a rule of %d days is refused by name', async (maxAgeDays) => {
  const projectId = await withKey('Refused')
  await expect(server.client.keyCustody.setPolicy.mutate({ projectId, maxAgeDays })).rejects.toMatchObject({
    data: { refusal: { code: 'INVALID_INPUT', details: { field: 'maxAgeDays' } } },
  })
})

test('a rule is not stale because a key was destroyed meanwhile', async () => {
  const projectId = await withKey('Retired')
  const { platform } = tested
  const stream = streamOf(platform, projectId, keyCustodyStream(projectId))
  const retired = { type: 'RecordRetirement', fingerprint: 'fp_0123456789abcdef', dekId: randomUUID() } as const
  await platform.store.execute(keyCustody, stream, retired, { commandId: randomUUID(), actor: 'system:custodian' })
  const set = server.client.keyCustody.setPolicy.mutate({ projectId, maxAgeDays: 40, expectedRevision: 0 })
  expect(await set).toMatchObject({ maxAgeDays: 40, revision: 2 })
})

test('a rule that somebody else changed meanwhile is not overwritten', async () => {
  const projectId = await withKey('Stale')
  await server.client.keyCustody.setPolicy.mutate({ projectId, maxAgeDays: 30, expectedRevision: 0 })
  await expect(
    server.client.keyCustody.setPolicy.mutate({ projectId, maxAgeDays: 40, expectedRevision: 0 }),
  ).rejects.toMatchObject({ data: { refusal: { code: 'REVISION_MOVED' } } })
})
