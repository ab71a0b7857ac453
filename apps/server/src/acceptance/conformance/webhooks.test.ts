import { createHmac } from 'node:crypto'
import { afterAll, beforeAll, expect, vi } from 'vitest'
import { contractTimes } from '../../webhooks/worker.ts'
import type { Receiver } from '../../webhooks/testing/receiver.ts'
import { startReceiver, status } from '../../webhooks/testing/receiver.ts'
import type { Bed } from './testing/bed.ts'
import { openBed } from './testing/bed.ts'
import { nullsIn } from './testing/clients.ts'
import { conforms, conformsOnBoth } from './testing/conform.ts'

let bed: Bed
let receiver: Receiver
beforeAll(async () => {
  receiver = await startReceiver()
  bed = await openBed({ allow: receiver.host })
}, 60_000)
afterAll(async () => {
  await bed?.close()
  await receiver?.close()
})
const theBed = () => bed

const hi = { message: 'Hi', stream: false }
type Answer = {
  id: string
  message: string
  usage: { tokens_used: number }
  meta: { duration_ms: number; plan: string }
}

conformsOnBoth('webhooks: what is sent, and how it is signed', theBed, async (side) => {
  const { projectId } = side
  const { secret } = await bed.client.webhooks.set.mutate({ projectId, url: receiver.url })
  const answer = (await (await bed.call('POST', '/v1/agent', hi, side)).json()) as Answer
  const sent = () => receiver.seen.filter(({ body }) => body['id'] === answer.id)
  await vi.waitFor(() => expect(sent()).toHaveLength(1), { timeout: 10_000 })
  const { body, raw, headers, id } = sent()[0]!
  expect(body).toEqual({
    event: 'agent.completed',
    id: answer.id,
    object: 'agent.response',
    message: answer.message,
    capabilities_used: ['chat'],
    files: [],
    usage: { tokens_used: answer.usage.tokens_used },
    meta: { duration_ms: answer.meta.duration_ms, project_id: projectId, plan: answer.meta.plan },
  })
  expect(nullsIn(body)).toEqual([])
  const t = String(headers['x-stewrd-webhook-timestamp'])
  const v1 = createHmac('sha256', secret!).update(`${t}.${raw}`).digest('hex')
  expect(headers).toMatchObject({
    'x-stewrd-signature': `t=${t},v1=${v1}`,
    'x-stewrd-webhook-id': id,
    'user-agent': 'Stewrd-Webhooks/1.0',
    'content-type': 'application/json',
  })
})

conforms('webhooks: three attempts, at once, after 30 s, after 5 min', async () => {
  const { projectId, apiKey } = await bed.newProject(bed.sides.double.model)
  await bed.client.webhooks.set.mutate({ projectId, url: receiver.url })
  receiver.answer(status(503))
  await bed.call('POST', '/v1/agent', hi, { apiKey })
  const ended = Date.now()
  const first = await vi.waitFor(
    async () => {
      const { deliveries } = await bed.client.webhooks.deliveries.query({ projectId })
      expect(deliveries).toMatchObject([{ status: 'pending', attempts: 1, responseCode: 503 }])
      return deliveries[0]!
    },
    { timeout: 10_000 },
  )
  const tried = receiver.seen.at(-1)!.at
  expect(tried - ended).toBeLessThan(5_000)
  expect(Math.abs(new Date(first.nextAt!).getTime() - tried - 30_000)).toBeLessThan(5_000)
  expect(contractTimes.retryMs).toEqual([30_000, 300_000])
})
