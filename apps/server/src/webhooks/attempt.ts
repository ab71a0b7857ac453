import { Refusal } from '@stewrd/core/kernel/errors.ts'
import { projects, projectStream } from '@stewrd/core/projects/projects.ts'
import { webhooks, webhooksStream } from '@stewrd/core/webhooks/webhooks.ts'
import type { Webhook } from '@stewrd/core/webhooks/webhooks.ts'
import { EnvelopeError } from '@stewrd/crypto/gcm.ts'
import { DataKeyMissing } from '@stewrd/db/data-keys.ts'
import type { Delivery } from '@stewrd/db/webhooks/deliveries.ts'
import type { Platform } from '../platform.ts'
import { streamOf } from '../projects/project-of.ts'
import type { Payload, PayloadSource } from './payload.ts'
import { payloadOf } from './payload.ts'
import { signingSecrets } from './secrets.ts'
import type { SendError } from './send.ts'
import { send } from './send.ts'

export type Sender = PayloadSource & Pick<Platform, 'egress' | 'secrets'> & { timeoutMs: number; stopped?: AbortSignal }
/** Why nothing was sent: no other attempt would do better. */
export type Hindrance = 'PROJECT_AT_REST' | 'WEBHOOK_REMOVED' | 'NOTHING_TO_TELL' | 'CONTENT_UNREADABLE'
/** `gone`: the project was shredded, and nothing may be left of the delivery. */
export type Attempt =
  | { kind: 'gone' }
  | { kind: 'hindered'; error: Hindrance }
  | { kind: 'sent'; responseCode: number | null; error: SendError | null; latencyMs: number }

/** Tries once, with address, secrets and content as they are now. Outages of the database are thrown. */
export async function attempt(sender: Sender, delivery: Delivery): Promise<Attempt> {
  try {
    const ready = await prepared(sender, delivery)
    if ('error' in ready) return { kind: 'hindered', error: ready.error }
    const { webhook, payload } = ready
    const { timeoutMs, stopped, egress } = sender
    const now = sender.now()
    const secrets = await signingSecrets(sender, delivery.projectId, webhook, now)
    const body = JSON.stringify(payload)
    const sent = await send(egress, {
      url: webhook.url,
      id: delivery.id,
      body,
      secrets,
      now,
      timeoutMs,
      ...(stopped && { stopped }),
    })
    return { kind: 'sent', ...sent }
  } catch (error) {
    if (error instanceof Refusal && error.code === 'PROJECT_SHREDDED') return { kind: 'gone' }
    if (error instanceof EnvelopeError || error instanceof DataKeyMissing)
      return { kind: 'hindered', error: 'CONTENT_UNREADABLE' }
    throw error
  }
}

type Ready = { webhook: Webhook; payload: Payload } | { error: Hindrance }

async function prepared(sender: Sender, delivery: Delivery): Promise<Ready> {
  const { projectId } = delivery
  const [project, { state: webhook }] = await Promise.all([
    sender.store.head(projects, streamOf(sender, projectId, projectStream(projectId))),
    sender.store.head(webhooks, streamOf(sender, projectId, webhooksStream(projectId))),
  ])
  if (project.state.status !== 'active') return { error: 'PROJECT_AT_REST' }
  if (webhook.status === 'none') return { error: 'WEBHOOK_REMOVED' }
  const payload = await payloadOf(sender, delivery)
  return payload ? { webhook, payload } : { error: 'NOTHING_TO_TELL' }
}
