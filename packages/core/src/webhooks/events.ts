import { z } from 'zod'
import { defineEvent } from '../kernel/event.ts'
import { Reason } from '../kernel/text.ts'

/** What a receiver may ask for besides `agent.completed`, which is always sent. */
export const optInEvents = ['agent.failed', 'key.rejected', 'key.overdue', 'credits.low'] as const
export const OptInEvent = z.enum(optInEvents)
export type OptInEvent = z.infer<typeof OptInEvent>

/** A signing secret under a `secret` data key of its own (base64): once that is destroyed, the value is gone, though the event stays. */
export const SealedSigningSecret = z.strictObject({
  sealed: z.base64().max(4096),
  dekId: z.uuid(),
  fingerprint: z.string().regex(/^fp_[0-9a-f]{16}$/),
})
export type SealedSigningSecret = z.infer<typeof SealedSigningSecret>

const Url = z.url({ protocol: /^https?$/ }).max(2000)

/** `secret` only where there was none: an address that moves keeps its secret. `replaces` is the address before. */
export const WebhookSet = defineEvent(
  'WebhookSet',
  1,
  z.strictObject({
    url: Url,
    secret: SealedSigningSecret.optional(),
    replaces: Url.nullable(),
    reason: Reason.optional(),
  }),
)

/** Until `overlap.until` (unix ms) the secret before signs as well. Without: it is replaced for good at once. */
export const WebhookSecretRegenerated = defineEvent(
  'WebhookSecretRegenerated',
  1,
  z.strictObject({
    secret: SealedSigningSecret,
    replaces: z.string(),
    overlap: z.strictObject({ secret: SealedSigningSecret, until: z.int() }).nullable(),
    reason: Reason.optional(),
  }),
)

/** The value of the secret before was destroyed. */
export const WebhookOverlapEnded = defineEvent('WebhookOverlapEnded', 1, z.strictObject({ fingerprint: z.string() }))

export const WebhookEventsChanged = defineEvent(
  'WebhookEventsChanged',
  1,
  z.strictObject({ from: z.array(OptInEvent), to: z.array(OptInEvent), reason: Reason.optional() }),
)

export const WebhookRemoved = defineEvent('WebhookRemoved', 1, z.strictObject({ url: Url, reason: Reason.optional() }))

export const WebhookEvent = z.discriminatedUnion('type', [
  WebhookSet,
  WebhookSecretRegenerated,
  WebhookOverlapEnded,
  WebhookEventsChanged,
  WebhookRemoved,
])
export type WebhookEvent = z.infer<typeof WebhookEvent>
