import { randomUUID } from 'node:crypto'
import type { HeldKeysRow } from '@stewrd/core/audit/held-keys.projection.ts'
import type { SealedKey } from '@stewrd/core/llm/events.ts'
import { llm, llmStream } from '@stewrd/core/llm/llm.ts'
import { sealSecret } from '@stewrd/crypto/sealed-secret.ts'
import { Secret } from '@stewrd/crypto/secret.ts'
import { DataKeyMissing } from '@stewrd/db/data-keys.ts'
import type { Upstream } from '@stewrd/runtime/testing/upstream.ts'
import { startUpstream } from '@stewrd/runtime/testing/upstream.ts'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { retireDue } from '../key-custody/retire.ts'
import { createLogger } from '../kernel/log.ts'
import { createPlatform } from '../platform.ts'
import { streamOf } from '../projects/project-of.ts'
import type { TestPlatform } from '../testing/platform.ts'
import { testPlatform } from '../testing/platform.ts'
import type { TestServer } from '../testing/server.ts'
import { listen } from '../testing/server.ts'

const [keyA, keyB, keyC] = ['sk-rotation-aaaaaaaaaaaa', 'sk-rotation-bbbbbbbbbbbb', 'sk-rotation-cccccccccccc']

let upstream: Upstream
let tested: TestPlatform
let server: TestServer
let projectId: string
let apiKey: string
beforeAll(async () => {
  upstream = await startUpstream({ keys: [keyA, keyB, keyC] })
  tested = await testPlatform({ STEWRD_EGRESS_ALLOW: upstream.host })
  server = await listen(tested.platform)
})
afterAll(async () => {
  await server?.close()
  await tested?.close()
  await upstream?.close()
})
beforeEach(async () => {
  const made = await server.client.projects.create.mutate({ name: 'Rotation' })
  projectId = made.projectId
  apiKey = made.apiKey!
  await server.client.llm.set.mutate({
    projectId,
    provider: 'custom',
    baseUrl: upstream.baseUrl,
    model: 'gpt-4o',
    key: keyA,
  })
})
afterEach(() => {
  upstream.setKeys([keyA, keyB, keyC])
  upstream.fail(undefined)
})

const rotate = (key: string, overlapMinutes?: number) =>
  server.client.llm.rotate.mutate({ projectId, key, ...(overlapMinutes !== undefined && { overlapMinutes }) })
const current = () => server.client.llm.current.query({ projectId })
const texts = async (type: string) =>
  (await server.client.history.list.query({ projectId, types: [type] })).entries.map((e) => e.text)
const refusal = (code: string) => ({ data: { refusal: { code } } })
const stream = () => streamOf(tested.platform, projectId, llmStream(projectId))
async function sealed(): Promise<SealedKey> {
  const { state } = await tested.platform.store.head(llm, stream())
  if (state.status !== 'own') throw new Error('the project has no key')
  return state.key
}
const open = (key: SealedKey) => tested.platform.secrets.openKey(projectId, upstream.baseUrl, key)
const run = () =>
  fetch(`${server.url}/v1/agent`, {
    method: 'POST',
    headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ message: 'Hello' }),
  })
const callsOf = (key: string) => upstream.seen.filter((s) => s.key === key).length
const audit = async () => (await server.client.audit.rotations.query({ projectId })).projects[0]!
/** The custodian as it works at another time. */
const retireAt = (now: number) => retireDue({ ...tested.platform, clock: { dueTime: async () => now } }, projectId)

test('without an overlap the value of the old key is destroyed with the rotation, and history and audit say so', async () => {
  const old = await sealed()
  expect((await open(old)).reveal()).toBe(keyA)
  const { revision } = await rotate(keyB)
  expect(revision).toBe(2)
  await expect(open(old)).rejects.toThrow(DataKeyMissing)
  expect(await texts('KeyRetired')).toEqual([`destroyed the stored value of the replaced key ${old.fingerprint}`])
  const { keys } = await audit()
  expect(keys).toMatchObject([{ fingerprint: old.fingerprint, retiredAt: expect.any(Number) }, { retiredAt: null }])
  const rows = await tested.platform.worker`select from data_keys where id = ${old.dekId}`
  expect(rows).toHaveLength(0)
})

test('in an overlap a run that gets a 401 for the new key goes on with the old one, on record and counted apart', async () => {
  const { llm: after } = await rotate(keyB, 60)
  const [before] = (await audit()).keys
  expect(after.fallback).toEqual({ fingerprint: before!.fingerprint, until: expect.any(Number) })
  upstream.setKeys([keyA])
  const answered = await run()
  expect(answered.status).toBe(200)
  const body = (await answered.json()) as { id: string; meta: { key_fingerprint: string } }
  expect(body.meta.key_fingerprint).toBe(before!.fingerprint)
  expect(upstream.seen.at(-1)?.key).toBe(keyA)
  const detail = () => server.client.runs.get.query({ projectId, runId: body.id })
  await expect
    .poll(detail)
    .toMatchObject({ keyFingerprint: after.keyFingerprint, fallback: before!.fingerprint, status: 'completed' })
  await expect.poll(() => texts('KeyFellBack')).toHaveLength(1)
  await expect.poll(() => texts('KeyRejected')).toHaveLength(1)
  const report = await audit()
  expect(report).toMatchObject({ fallbackRuns: 1, runsAfterReplaced: 0 })
  expect(report.keys).toMatchObject([{ fallbackRuns: 1, overlap: { endedAt: null } }, { runs: 1 }])
})

test('a good new key, another error than 401, and no overlap never touch the old key', async () => {
  await rotate(keyB, 60)
  const before = callsOf(keyA)
  expect((await run()).status).toBe(200)
  upstream.fail('server-error')
  expect((await run()).status).toBe(502)
  upstream.fail(undefined)
  await server.client.llm.endOverlap.mutate({ projectId })
  upstream.setKeys([keyA])
  expect(((await (await run()).json()) as { error: { code: string } }).error.code).toBe('provider_key_rejected')
  expect(callsOf(keyA)).toBe(before)
})

test('an overlap that was ended is over for a run that is under way already', async () => {
  await rotate(keyB, 60)
  upstream.setKeys([keyA])
  upstream.hold()
  const before = callsOf(keyA)
  const running = run()
  await expect.poll(() => upstream.seen.at(-1)?.key).toBe(keyB)
  await server.client.llm.endOverlap.mutate({ projectId })
  upstream.release()
  expect((await running).status).not.toBe(200)
  expect(callsOf(keyA)).toBe(before)
  expect(await texts('KeyFellBack')).toHaveLength(0)
})

test('the overlap ends by its time, once, however many nodes look', async () => {
  const old = await sealed()
  const { llm: after } = await rotate(keyB, 60)
  const { until } = after.fallback!
  expect(await retireAt(until - 1)).toBe(0)
  expect((await open(old)).reveal()).toBe(keyA)
  const counts = await Promise.all(Array.from({ length: 6 }, () => retireAt(until)))
  expect(counts.reduce((a, b) => a + b)).toBe(1)
  await expect(open(old)).rejects.toThrow(DataKeyMissing)
  expect(await texts('OverlapEnded')).toEqual([`ended the overlap in time: ${old.fingerprint} is no fallback any more`])
  expect(await texts('KeyRetired')).toHaveLength(1)
  expect(await current()).toMatchObject({ fallback: null, revision: 4 })
})

test('what came due while no server ran is done by the next one that starts', async () => {
  const log = createLogger({ production: true, logLevel: 'silent' })
  const old = await sealed()
  const command = await createPlatform(tested.env, { as: 'command', log })
  const place = { projectId, baseUrl: upstream.baseUrl }
  const key = await command.secrets.sealKey(place.projectId, place.baseUrl, new Secret(keyB))
  // Nobody is told: the rotation is on record, and whoever made it is gone.
  await command.store.execute(
    llm,
    stream(),
    { type: 'RotateKey', key, overlap: { ms: 1 }, now: Date.now() },
    { commandId: randomUUID(), actor: 'operator:cli' },
  )
  await command.close()
  const another = await createPlatform(tested.env, { as: 'server', log })
  try {
    const opened = () => another.secrets.openKey(place.projectId, place.baseUrl, old).then(() => 'open', nameOf)
    await expect.poll(opened, { timeout: 10_000 }).toBe('DataKeyMissing')
    await expect.poll(() => texts('KeyRetired')).toHaveLength(1)
  } finally {
    await another.close()
  }
})
const nameOf = (error: unknown) => (error instanceof Error ? error.name : '')

test('a crash between destroying a value and recording it leaves it to the next look', async () => {
  const old = await sealed()
  const { llm: after } = await rotate(keyB, 60)
  await server.client.llm.current.query({ projectId })
  await tested.platform.secrets.destroyKey(old.dekId)
  expect(await texts('KeyRetired')).toHaveLength(0)
  expect(await retireAt(after.fallback!.until)).toBe(1)
  expect(await texts('KeyRetired')).toHaveLength(1)
  expect(await retireAt(after.fallback!.until + 1)).toBe(0)
})

test('a crash between the end of an overlap and what follows from it leaves that to the next look', async () => {
  const old = await sealed()
  const { llm: after } = await rotate(keyB, 60)
  const { until } = after.fallback!
  const command = { type: 'EndOverlap', now: until, early: false } as const
  const meta = { commandId: `overlap-end:${projectId}:${until}`, actor: 'system:custodian' }
  await tested.platform.store.execute(llm, stream(), command, meta)
  await expect.poll(() => open(old).then(() => 'open', nameOf), { timeout: 10_000 }).toBe('DataKeyMissing')
  await expect.poll(() => texts('KeyRetired')).toHaveLength(1)
  expect(await retireAt(until + 1)).toBe(0)
  expect(await texts('OverlapEnded')).toHaveLength(1)
})

test('within the overlap a rotation is rolled back, and the value of the new key is destroyed', async () => {
  const before = await current()
  const a = before.keyFingerprint
  await rotate(keyB, 60)
  const b = await sealed()
  const back = await server.client.llm.rollBack.mutate({ projectId, reason: 'no quota' })
  expect(back.llm).toMatchObject({ keyFingerprint: a, fallback: null, keySetAt: before.keySetAt })
  expect(back.llm.rotation).toEqual(before.rotation)
  expect((await run()).status).toBe(200)
  expect(upstream.seen.at(-1)?.key).toBe(keyA)
  await expect(open(b)).rejects.toThrow(DataKeyMissing)
  expect((await audit()).keys.map((k) => [k.began, k.replacedReason])).toEqual([
    ['set', null],
    ['rotated', 'no quota'],
    ['rolled back', null],
  ])
  await expect(server.client.llm.rollBack.mutate({ projectId })).rejects.toMatchObject(refusal('NO_OVERLAP'))
})

test('a staged key is used by no run until it is activated; one that the provider refuses then stays staged', async () => {
  const { llm: staged } = await server.client.llm.stage.mutate({ projectId, key: keyB })
  expect(staged.staged).toMatchObject({ health: { status: 'verified' } })
  const before = callsOf(keyB)
  expect((await run()).status).toBe(200)
  expect(callsOf(keyB)).toBe(before)
  upstream.setKeys([keyA])
  await expect(server.client.llm.activate.mutate({ projectId })).rejects.toMatchObject(refusal('KEY_REJECTED'))
  expect((await current()).staged?.fingerprint).toBe(staged.staged!.fingerprint)
  upstream.setKeys([keyA, keyB])
  const commandId = randomUUID()
  const activated = await server.client.llm.activate.mutate({ projectId, overlapMinutes: 5, commandId })
  expect(activated.llm).toMatchObject({ keyFingerprint: staged.staged!.fingerprint, staged: null })
  expect(activated.llm.fallback?.fingerprint).toBe(staged.keyFingerprint)
  const again = await server.client.llm.activate.mutate({ projectId, overlapMinutes: 5, commandId })
  expect(again.revision).toBe(activated.revision)
  expect((await run()).status).toBe(200)
  expect(upstream.seen.at(-1)?.key).toBe(keyB)
})

test('a staged key that is given up is destroyed, and a refused candidate leaves no data key behind', async () => {
  await server.client.llm.stage.mutate({ projectId, key: keyB })
  await server.client.llm.unstage.mutate({ projectId })
  expect((await current()).staged).toBeNull()
  await expect(rotate('sk-rotation-not-accepted')).rejects.toMatchObject(refusal('KEY_REJECTED'))
  const left = () =>
    tested.platform.worker<{ count: number }[]>`
      select count(*) from data_keys where scope = ${projectId} and purpose = 'secret'`.then(([r]) => r!.count)
  await expect.poll(left).toBe(1)
  await expect(server.client.llm.activate.mutate({ projectId })).rejects.toMatchObject(refusal('KEY_NOT_STAGED'))
})

test('a restored revision gets its key back only while that exists, and says so', async () => {
  const a = (await current()).keyFingerprint
  await rotate(keyB, 60)
  await server.client.llm.changeModel.mutate({ projectId, model: 'o1' })
  const restored = await server.client.llm.restore.mutate({ projectId, revision: 1 })
  expect(restored).toMatchObject({ key: 'restored', llm: { keyFingerprint: a, model: 'gpt-4o' } })
  const { llm: c } = await rotate(keyC)
  const without = await server.client.llm.restore.mutate({ projectId, revision: 1 })
  expect(without).toMatchObject({ key: 'destroyed', fingerprint: a, llm: { keyFingerprint: c.keyFingerprint } })
  await server.client.llm.remove.mutate({ projectId })
  await expect(server.client.llm.restore.mutate({ projectId, revision: 1 })).rejects.toMatchObject(
    refusal('KEY_DESTROYED'),
  )
})

test('nothing that is needed is ever destroyed, and the work list empties', async () => {
  for (const key of [keyB, keyC, keyA, keyB]) await rotate(key, 1)
  await server.client.llm.endOverlap.mutate({ projectId })
  const row = () => tested.platform.views.get<HeldKeysRow>('held-keys', tested.platform.accountId, projectId)
  await expect.poll(async () => (await row())?.held.map((k) => k.role)).toEqual(['active'])
  expect((await open(await sealed())).reveal()).toBe(keyB)
  expect((await run()).status).toBe(200)
  expect(await audit()).toMatchObject({ rotations: 4, runsAfterReplaced: 0 })
})

test('a key from before each had a data key of its own is destroyed too, when no older server can be about to use that', async () => {
  const { platform } = tested
  const { accountId } = platform
  const shared = await platform.replay.dataKeys.current(accountId, projectId, 'secret')
  const aad = { accountId, projectId, baseUrl: upstream.baseUrl, dekId: shared.id }
  const bytes = sealSecret(shared, aad, new Secret(keyC))
  const fingerprint = platform.secrets.fingerprint(new Secret(keyC))
  const old: SealedKey = { sealed: bytes.toString('base64'), dekId: shared.id, fingerprint }
  const meta = { commandId: randomUUID(), actor: 'user:older-server' }
  await platform.store.execute(llm, stream(), { type: 'RotateKey', key: old }, meta)
  await rotate(keyB)
  const held = async () =>
    (await platform.views.get<HeldKeysRow>('held-keys', accountId, projectId))?.held.map((k) => k.role)
  await expect.poll(held).toEqual(['replaced', 'active'])
  expect((await open(old)).reveal()).toBe(keyC)
  await platform.worker`update data_keys set retired_at = now() - interval '11 minutes' where id = ${shared.id}`
  await expect.poll(() => open(old).then(() => 'open', nameOf), { timeout: 10_000 }).toBe('DataKeyMissing')
  await expect.poll(held).toEqual(['active'])
  expect((await audit()).keys.map((k) => k.retiredAt === null)).toEqual([false, false, true])
})

test('an overlap of more than a day is refused', async () => {
  await expect(rotate(keyB, 24 * 60 + 1)).rejects.toMatchObject({
    data: { refusal: { code: 'INVALID_INPUT', details: { field: 'overlapMinutes' } } },
  })
})
