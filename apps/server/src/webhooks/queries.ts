import { beginningOf } from '@stewrd/core/kernel/cut.ts'
import { Refusal } from '@stewrd/core/kernel/errors.ts'
import { EnvelopeError } from '@stewrd/crypto/gcm.ts'
import { DataKeyMissing } from '@stewrd/db/data-keys.ts'
import type { Delivery } from '@stewrd/db/webhooks/deliveries.ts'
import { deliveryOfId, listDeliveries } from '@stewrd/db/webhooks/deliveries.ts'
import type { Platform } from '../platform.ts'
import { newDelivery } from './due.ts'
import { payloadOf } from './payload.ts'
import { currentWebhook } from './service.ts'

/** Newest first. `nextCursor` asks for the older ones after these; null at the end. */
export type DeliveryPage = { deliveries: Delivery[]; nextCursor: string | null }
/** `payload` is what would be sent now, shortened; null when there is nothing (any more) to send. */
export type DeliveryDetail = Delivery & { payload: string | null }

const PREVIEW = 4000

export async function deliveryPage(
  { sql, accountId }: Platform,
  { projectId, cursor, limit }: { projectId: string; cursor?: string | null | undefined; limit: number },
): Promise<DeliveryPage> {
  const found = await listDeliveries(sql, accountId, projectId, { limit: limit + 1, before: cursor ?? undefined })
  const deliveries = found.slice(0, limit)
  return { deliveries, nextCursor: found.length > limit ? deliveries.at(-1)!.id : null }
}

export async function deliveryDetail(platform: Platform, projectId: string, id: string): Promise<DeliveryDetail> {
  const delivery = await deliveryOf(platform, projectId, id)
  return { ...delivery, payload: await preview(platform, delivery) }
}

/** Sends a test to the address as it is now. Returns the delivery, which is being tried. */
export async function sendTest(platform: Platform, projectId: string): Promise<{ id: string }> {
  const { webhook } = await currentWebhook(platform, projectId)
  if (!webhook) throw new Refusal('WEBHOOK_NOT_SET', {})
  const delivery = newDelivery(platform, projectId, 'webhook.test', null)
  await platform.webhooks.addNow(delivery)
  return { id: delivery.id }
}

export async function retryDelivery(platform: Platform, projectId: string, id: string): Promise<Delivery> {
  const delivery = await deliveryOf(platform, projectId, id)
  if (!(await platform.webhooks.retry(delivery))) throw new Refusal('DELIVERY_PENDING', {})
  return deliveryOf(platform, projectId, id)
}

async function deliveryOf({ sql, accountId }: Platform, projectId: string, id: string): Promise<Delivery> {
  const delivery = await deliveryOfId(sql, accountId, id)
  if (delivery?.projectId !== projectId) throw new Refusal('NOT_FOUND', { what: 'delivery', id })
  return delivery
}

async function preview(platform: Platform, delivery: Delivery): Promise<string | null> {
  try {
    const payload = await payloadOf(platform, delivery)
    if (!payload) return null
    const text = JSON.stringify(payload, null, 2)
    return text.length > PREVIEW ? `${beginningOf(text, PREVIEW)}…` : text
  } catch (error) {
    const lost = error instanceof EnvelopeError || error instanceof DataKeyMissing
    if (lost || (error instanceof Refusal && error.code === 'PROJECT_SHREDDED')) return null
    throw error
  }
}
