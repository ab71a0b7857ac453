import { randomUUID } from 'node:crypto'
import { creditBalance } from '@stewrd/db/credits/ledger.ts'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { grantCredits } from '../credits/service.ts'
import type { WebhookBed } from './testing/bed.ts'
import { openWebhookBed, quick } from './testing/bed.ts'

let bed: WebhookBed
beforeAll(async () => {
  bed = await openWebhookBed(quick, { STEWRD_METERING: 'on' })
})
afterAll(() => bed?.close())

test('credits that are low are told once for each time that there were more, to who asked for it', async () => {
  const [asked, not] = [await bed.newProject('Asked'), await bed.newProject('Not')]
  const { platform } = bed.tested
  await bed.client.webhooks.changeEvents.mutate({ projectId: asked.projectId, events: ['credits.low'] })
  const told = () => bed.to(asked.projectId).filter(({ body }) => body.event === 'credits.low')
  const left = async () => (await creditBalance(platform.sql, platform.accountId)).total
  const spend = async (until: number) => {
    const runs = (await left()) - until
    const all = await Promise.all(Array.from({ length: runs }, () => bed.run(not.apiKey)))
    expect(all.every(({ ok }) => ok)).toBe(true)
  }
  await spend(41)
  expect(told()).toHaveLength(0)
  await spend(40)
  await vi.waitFor(() => expect(told()).toHaveLength(1), { timeout: 10_000 })
  expect(told()[0]!.body).toMatchObject({ object: 'credits', credits: { remaining: 40, free: 40, granted: 0 } })
  await grantCredits(platform, { amount: 2, commandId: randomUUID() }, 'operator:test')
  await spend(40)
  await vi.waitFor(() => expect(told()).toHaveLength(2), { timeout: 10_000 })
  await spend(38)
  // What is sent after it was looked at again: nothing came between.
  await bed.client.webhooks.sendTest.mutate({ projectId: asked.projectId })
  await vi.waitFor(() => expect(bed.to(asked.projectId).at(-1)!.body.event).not.toBe('credits.low'), 10_000)
  expect((await bed.deliveries(asked.projectId)).filter(({ event }) => event === 'credits.low')).toHaveLength(2)
  expect(bed.to(not.projectId).filter(({ body }) => body.event === 'credits.low')).toEqual([])
})
