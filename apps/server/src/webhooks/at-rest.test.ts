import { llmStream } from '@stewrd/core/llm/llm.ts'
import { connect, disconnect } from '@stewrd/db/connect.ts'
import { remainsOf } from '@stewrd/db/shredding/shredding.ts'
import { addDeliveries } from '@stewrd/db/webhooks/deliveries.ts'
import { randomUUID } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { keyCustody, keyCustodyStream } from '@stewrd/core/key-custody/key-custody.ts'
import type { WebhookBed } from './testing/bed.ts'
import { KEY, openWebhookBed } from './testing/bed.ts'
import { ok, status } from './testing/receiver.ts'

let bed: WebhookBed
beforeAll(async () => {
  bed = await openWebhookBed({ retryMs: [1500, 1500], timeoutMs: 500, lateMs: 300, sweepMs: 200 })
})
beforeEach(() => bed.receiver.answer(ok))
afterAll(() => bed?.close())

const tried = (projectId: string) =>
  vi.waitFor(() => expect(bed.to(projectId)).toHaveLength(1), { timeout: 10_000, interval: 20 })

test('nothing more is sent of an archived project', async () => {
  const { projectId, apiKey } = await bed.newProject()
  bed.receiver.answer(status(500))
  await bed.run(apiKey)
  await tried(projectId)
  await bed.client.projects.archive.mutate({ projectId })
  expect(await bed.ended(projectId)).toMatchObject({ status: 'failed', attempts: 2, error: 'PROJECT_AT_REST' })
  expect(bed.to(projectId)).toHaveLength(1)
})

test('nothing more is sent of a shredded project, and nothing is left of its deliveries', async () => {
  const { projectId, apiKey } = await bed.newProject('Gone')
  bed.receiver.answer(status(500))
  await bed.run(apiKey)
  await tried(projectId)
  await bed.client.projects.shred.mutate({ projectId, confirm: 'Gone', now: true })
  const { worker: sql, accountId } = bed.tested.platform
  // As a server that was just about to enter one.
  const late = { id: randomUUID(), projectId, event: 'agent.completed', source: { stream: 'run:x', seq: 1 } }
  await addDeliveries(sql, accountId, [late])
  await vi.waitFor(async () => expect(await remainsOf(sql, accountId, projectId)).toMatchObject({ rows: 0 }), {
    timeout: 10_000,
  })
  expect(bed.to(projectId)).toHaveLength(1)
})

test('a pending delivery that has lost its job, as after a restore, gets another', async () => {
  const { projectId, apiKey } = await bed.newProject()
  bed.receiver.answer(status(500))
  await bed.run(apiKey)
  await tried(projectId)
  const owner = connect(bed.tested.database.url, { max: 1, role: null })
  await owner`delete from pgboss.job`
  await disconnect(owner)
  bed.receiver.answer(ok)
  expect(await bed.ended(projectId)).toMatchObject({ status: 'delivered', attempts: 2 })
  expect(new Set(bed.to(projectId).map(({ id }) => id)).size).toBe(1)
})

test('failed runs and rejected keys are told to whoever asked for it, and to nobody else', async () => {
  const [asked, not] = [await bed.newProject(), await bed.newProject()]
  const events = ['agent.failed', 'key.rejected'] as const
  await bed.client.webhooks.changeEvents.mutate({ projectId: asked.projectId, events: [...events] })
  for (const { projectId, apiKey } of [asked, not]) {
    bed.upstream.setKeys([KEY])
    const to = { projectId, provider: 'custom', baseUrl: bed.upstream.baseUrl, model: 'gpt-4o' } as const
    await bed.client.llm.set.mutate({ ...to, key: KEY })
    bed.upstream.setKeys([])
    expect((await bed.run(apiKey)).status).toBe(424)
  }
  bed.upstream.setKeys([KEY])
  await vi.waitFor(() => expect(bed.to(asked.projectId)).toHaveLength(2), { timeout: 10_000 })
  const byEvent = Object.fromEntries(bed.to(asked.projectId).map(({ body }) => [body.event, body]))
  expect(byEvent['agent.failed']).toMatchObject({
    object: 'agent.response',
    error: { code: 'provider_key_rejected' },
    meta: { project_id: asked.projectId },
  })
  expect(byEvent['agent.failed']).not.toHaveProperty('message')
  expect(byEvent['key.rejected']).toMatchObject({ object: 'key', key: { status: 401 } })
  expect(await bed.deliveries(not.projectId)).toEqual([])
  expect(JSON.stringify(bed.receiver.seen)).not.toContain(KEY)
})

test('a key that is overdue is told once', async () => {
  const asked = await bed.newProject()
  const { platform } = bed.tested
  const to = { projectId: asked.projectId, provider: 'custom', baseUrl: bed.upstream.baseUrl, model: 'gpt-4o' } as const
  await bed.client.llm.set.mutate({ ...to, key: KEY })
  const stream = {
    accountId: platform.accountId,
    projectId: asked.projectId,
    stream: keyCustodyStream(asked.projectId),
  }
  const rule = { type: 'SetRotationPolicy', maxAgeDays: 1 } as const
  await platform.store.execute(keyCustody, stream, rule, { commandId: randomUUID(), actor: 'operator:test' })
  const owner = connect(bed.tested.database.url, { max: 1, role: null })
  // Two days ago, as the read model knows it.
  await vi.waitFor(async () => {
    const aged = await owner`
      update view_rows set row = jsonb_set(row, '{keySetAt}', to_jsonb((row ->> 'keySetAt')::bigint - 172800000))
      where view = 'llm' and key = ${asked.projectId}`
    expect(aged.count).toBe(1)
  }, 10_000)
  await disconnect(owner)
  await bed.client.webhooks.changeEvents.mutate({ projectId: asked.projectId, events: ['key.overdue'] })
  await tried(asked.projectId)
  expect(bed.to(asked.projectId)[0]!.body).toMatchObject({ event: 'key.overdue', key: { max_age_days: 1 } })
  const [told] = await bed.deliveries(asked.projectId)
  expect(told!.source!.stream).toBe(llmStream(asked.projectId))
  // By now it has been looked at again several times.
  bed.receiver.answer(status(500))
  await bed.client.webhooks.sendTest.mutate({ projectId: asked.projectId })
  await vi.waitFor(() => expect(bed.to(asked.projectId)).toHaveLength(3), { timeout: 10_000 })
  expect((await bed.deliveries(asked.projectId)).filter(({ event }) => event === 'key.overdue')).toHaveLength(1)
})
