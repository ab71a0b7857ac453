import { randomUUID } from 'node:crypto'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Bed } from '../runs/v1.testing.ts'
import { answered, keyA, keyB, openBed } from '../runs/v1.testing.ts'
import { stewrd } from '../testing/server-process.ts'
import { runReceipt } from './receipt.ts'

let bed: Bed
let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stewrd-receipt-'))
  bed = await openBed({ ownModel: true })
})
afterAll(async () => {
  await bed?.close()
  if (folder) await rm(folder, { recursive: true })
})

const run = async (project = bed.project) => (await answered(bed.post({ message: 'Hi' }, project))).id
const receiptOf = (runId: string, { projectId } = bed.project, waitMs = 10_000) =>
  runReceipt(bed.tested.platform, { projectId, runId, waitMs })
const fingerprintNow = async () =>
  (await bed.server.client.llm.current.query({ projectId: bed.project.projectId })).keyFingerprint

test('a run is proved: provider, model, revision and key, by whom that was set, and how the run ended', async () => {
  const fingerprint = await fingerprintNow()
  const { run: facts, text, checkpoint } = await receiptOf(await run())
  expect(facts).toMatchObject({
    provider: 'custom',
    baseUrl: bed.upstream.baseUrl,
    model: 'gpt-4o',
    keySource: 'project',
    keyFingerprint: fingerprint,
    configRevision: 1,
    keySetBy: { type: 'ProviderSet', revision: 1, actor: `user:${bed.server.userId}` },
    fallback: null,
    end: { status: 'completed' },
  })
  expect(checkpoint.size).toBeGreaterThan(facts.place)
  expect(text).not.toContain(keyA)
})

test('in an overlap the receipt tells which key it started on, and which it went on with', async () => {
  const { projectId } = bed.project
  const old = await fingerprintNow()
  await bed.server.client.llm.rotate.mutate({ projectId, key: keyB, overlapMinutes: 60 })
  bed.upstream.setKeys([keyA])
  const { run: facts } = await receiptOf(await run())
  bed.upstream.setKeys([keyA, keyB])
  expect(facts).toMatchObject({
    keyFingerprint: await fingerprintNow(),
    keySetBy: { type: 'KeyRotated' },
    fallback: { fingerprint: old },
  })
})

test('a project without a provider of its own: the receipt says on whose model it ran', async () => {
  const project = await bed.newProject({ key: null })
  const { run: facts } = await receiptOf(await run(project), project)
  expect(facts).toMatchObject({
    keySource: 'default',
    model: 'o1',
    keyFingerprint: null,
    keySetBy: null,
    configRevision: 0,
  })
})

test('a later change of the configuration does not change what is proved of an earlier run', async () => {
  const { projectId } = bed.project
  const before = await run()
  await bed.server.client.llm.changeModel.mutate({ projectId, model: 'gpt-4o-mini' })
  const after = await run()
  expect((await receiptOf(before)).run.model).toBe('gpt-4o')
  const { model, keySetBy } = (await receiptOf(after)).run
  expect([model, keySetBy?.type]).toEqual(['gpt-4o-mini', 'KeyRotated'])
})

test('what is not signed yet is refused with how far the log is signed; unknown runs are not found', async () => {
  const { platform } = bed.tested
  const signed = platform.publicLog.published.latest!.size
  const fresh = await run()
  await expect(receiptOf(fresh, bed.project, 0)).rejects.toMatchObject({
    code: 'LOG_NOT_SIGNED',
    details: { signed: expect.any(Number) },
  })
  expect((await receiptOf(fresh)).checkpoint.size).toBeGreaterThan(signed)
  await expect(receiptOf(randomUUID())).rejects.toMatchObject({ code: 'NOT_FOUND' })
  const other = await bed.newProject()
  await expect(receiptOf(fresh, other)).rejects.toMatchObject({ code: 'NOT_FOUND' })
})

test('`stewrd audit receipt` writes it, and `audit verify FILE` prints the facts where there is nothing else', async () => {
  const runId = await run()
  const file = join(folder, 'run.proof')
  const variables = { DATABASE_URL: bed.tested.database.url }
  const made = await stewrd(bed.tested.env.home, ['audit', 'receipt', runId, '--out', file, '--json'], { variables })
  expect([made.code, made.stderr]).toEqual([0, ''])
  expect(made.json()).toMatchObject({
    file,
    run_id: runId,
    model: 'gpt-4o-mini',
    key_fingerprint: await fingerprintNow(),
  })
  const verify = ['audit', 'verify', file, '--key', bed.tested.platform.publicLog.verifierKey]
  const found = await stewrd(join(folder, 'nobody'), verify)
  expect(found.code).toBe(0)
  expect(found.stdout).toContain(`Run ${runId} was started at`)
  expect(found.stdout).toContain(`model gpt-4o-mini, the key ${await fingerprintNow()}`)
  expect(found.stdout).toContain('What the provider did with the call')
  expect(await readFile(file, 'utf8')).toContain(`# Receipt of run ${runId}`)
})
