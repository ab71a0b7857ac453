import { createHmac } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import type { WebhookBed } from './testing/bed.ts'
import { openWebhookBed } from './testing/bed.ts'
import { ok, startReceiver, status } from './testing/receiver.ts'

let bed: WebhookBed
beforeAll(async () => {
  bed = await openWebhookBed()
})
beforeEach(() => bed.receiver.answer(ok))
afterAll(() => bed?.close())

test('a run that completes is told once, with everything that the contract says, signed', async () => {
  const { projectId, apiKey, secret } = await bed.newProject()
  const answer = (await (await bed.run(apiKey)).json()) as {
    id: string
    message: string
    usage: { tokens_used: number }
  }
  const delivery = await bed.ended(projectId)
  expect(delivery).toMatchObject({ status: 'delivered', attempts: 1, responseCode: 204, error: null })
  const [received, ...more] = bed.to(projectId)
  expect(more).toEqual([])
  expect(received!.body).toEqual({
    event: 'agent.completed',
    id: answer.id,
    object: 'agent.response',
    message: answer.message,
    capabilities_used: ['chat'],
    files: [],
    usage: { tokens_used: answer.usage.tokens_used },
    meta: { duration_ms: expect.any(Number), project_id: projectId, plan: 'self-hosted' },
  })
  const { headers, raw, id } = received!
  expect(id).toBe(delivery.id)
  expect(headers).toMatchObject({ 'user-agent': 'Stewrd-Webhooks/1.0', 'content-type': 'application/json' })
  const t = headers['x-stewrd-webhook-timestamp'] as string
  expect(Math.abs(Date.now() / 1000 - Number(t))).toBeLessThan(30)
  const v1 = createHmac('sha256', secret).update(`${t}.${raw}`).digest('hex')
  expect(headers['x-stewrd-signature']).toBe(`t=${t},v1=${v1}`)
})

test('a receiver that fails twice gets it a third time, under the same id', async () => {
  const { projectId, apiKey } = await bed.newProject()
  let times = 0
  bed.receiver.answer((response, nth) => (++times < 3 ? status(500) : ok)(response, nth))
  await bed.run(apiKey)
  expect(await bed.ended(projectId)).toMatchObject({ status: 'delivered', attempts: 3, responseCode: 204 })
  const sent = bed.to(projectId)
  expect(new Set(sent.map(({ id }) => id)).size).toBe(1)
  expect(sent[1]!.at - sent[0]!.at).toBeGreaterThanOrEqual(190)
  expect(sent[2]!.at - sent[1]!.at).toBeGreaterThanOrEqual(390)
})

test('after three attempts it has failed, and can be tried again by hand', async () => {
  const { projectId, apiKey } = await bed.newProject()
  bed.receiver.answer(status(503))
  await bed.run(apiKey)
  const failed = await bed.ended(projectId)
  expect(failed).toMatchObject({ status: 'failed', attempts: 3, responseCode: 503, error: 'HTTP_STATUS', nextAt: null })
  bed.receiver.answer(ok)
  const input = { projectId, deliveryId: failed.id }
  expect(await bed.client.webhooks.retry.mutate(input)).toMatchObject({ status: 'pending' })
  await vi.waitFor(
    async () =>
      expect(await bed.client.webhooks.delivery.query(input)).toMatchObject({ status: 'delivered', attempts: 4 }),
    10_000,
  )
})

test('a receiver that hangs is given up, and a delivery that is being tried is not tried besides', async () => {
  const { projectId, apiKey } = await bed.newProject()
  bed.receiver.answer(() => {})
  await bed.run(apiKey)
  await vi.waitFor(() => expect(bed.to(projectId)).toHaveLength(1), { timeout: 5000 })
  const [tried] = await bed.deliveries(projectId)
  await expect(bed.client.webhooks.retry.mutate({ projectId, deliveryId: tried!.id })).rejects.toMatchObject({
    data: { refusal: { code: 'DELIVERY_PENDING' } },
  })
  expect(await bed.ended(projectId)).toMatchObject({
    status: 'failed',
    attempts: 3,
    error: 'TIMEOUT',
    responseCode: null,
  })
})

test('a redirect is not followed, wherever it points', async () => {
  const trap = await startReceiver()
  const { projectId, apiKey } = await bed.newProject()
  bed.receiver.answer(status(302, { location: trap.url }))
  await bed.run(apiKey)
  expect(await bed.ended(projectId)).toMatchObject({ status: 'failed', error: 'REDIRECT_REFUSED', responseCode: 302 })
  expect(trap.seen).toEqual([])
  await trap.close()
})

test('an answer of 10 MB is not read', async () => {
  const { projectId, apiKey } = await bed.newProject()
  let written = 0
  bed.receiver.answer((response) => {
    response.writeHead(200)
    const piece = Buffer.alloc(100_000)
    const more = () => {
      while (written < 10_000_000 && !response.destroyed) {
        written += piece.length
        if (!response.write(piece)) return void response.once('drain', more)
      }
      response.end()
    }
    more()
  })
  await bed.run(apiKey)
  expect(await bed.ended(projectId)).toMatchObject({ status: 'delivered', attempts: 1, responseCode: 200 })
  expect(written).toBeLessThan(10_000_000)
})

test('nobody there is said to be unreachable', async () => {
  const { projectId, apiKey } = await bed.newProject()
  bed.receiver.answer((response) => void response.destroy())
  await bed.run(apiKey)
  expect(await bed.ended(projectId)).toMatchObject({ status: 'failed', error: 'UNREACHABLE' })
})

test('a test has the shape of a run, under a name of its own', async () => {
  const { projectId } = await bed.newProject()
  const { id } = await bed.client.webhooks.sendTest.mutate({ projectId })
  expect(await bed.ended(projectId)).toMatchObject({ id, status: 'delivered', event: 'webhook.test', source: null })
  expect(bed.to(projectId)[0]!.body).toMatchObject({ event: 'webhook.test', object: 'agent.response', files: [] })
})

test('the log shows what was sent, and none of another project', async () => {
  const { projectId, apiKey } = await bed.newProject()
  await bed.run(apiKey)
  await bed.run(apiKey)
  await vi.waitFor(async () => expect(await bed.deliveries(projectId)).toHaveLength(2), { timeout: 5000 })
  const first = await bed.client.webhooks.deliveries.query({ projectId, limit: 1 })
  const second = await bed.client.webhooks.deliveries.query({ projectId, limit: 1, cursor: first.nextCursor })
  expect(second.nextCursor).toBeNull()
  expect(first.deliveries[0]!.id > second.deliveries[0]!.id).toBe(true)
  const input = { projectId, deliveryId: first.deliveries[0]!.id }
  const { payload } = await bed.client.webhooks.delivery.query(input)
  expect(JSON.parse(payload!)).toMatchObject({ event: 'agent.completed', message: 'Hello from the upstream.' })
  const other = await bed.newProject()
  await expect(bed.client.webhooks.delivery.query({ ...input, projectId: other.projectId })).rejects.toMatchObject({
    data: { refusal: { code: 'NOT_FOUND' } },
  })
})
