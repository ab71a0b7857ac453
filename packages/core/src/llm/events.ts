import { z } from 'zod'
import { defineEvent } from '../kernel/event.ts'
import { line, Reason } from '../kernel/text.ts'
import { providerIds } from './providers.ts'

export const ModelId = line(200, 'The model')
export const KeyFingerprint = z.string().regex(/^fp_[0-9a-f]{16}$/)

/** Where calls go. `baseUrl` has no trailing slash. */
export const ProviderRef = z.strictObject({ provider: z.enum(providerIds), baseUrl: z.url().max(500) })
export type ProviderRef = z.infer<typeof ProviderRef>

/** A provider key that only the runtime can open: sealed once more under the project's `secret` data key (base64), bound to its base URL. */
export const SealedKey = z.strictObject({ sealed: z.base64().max(4096), dekId: z.uuid(), fingerprint: KeyFingerprint })
export type SealedKey = z.infer<typeof SealedKey>

const Before = z.strictObject({ provider: ProviderRef, model: ModelId, fingerprint: KeyFingerprint })

/** `replaces` is null for the first provider. Both sides of a change stand in its event, so that a page shows a diff without replaying. */
export const ProviderSet = defineEvent(
  'ProviderSet',
  1,
  z.strictObject({
    provider: ProviderRef,
    model: ModelId,
    key: SealedKey,
    replaces: Before.nullable(),
    reason: Reason.optional(),
  }),
)
export const KeyRotated = defineEvent(
  'KeyRotated',
  1,
  z.strictObject({ key: SealedKey, replaces: KeyFingerprint, reason: Reason.optional() }),
)
export const ModelChanged = defineEvent(
  'ModelChanged',
  1,
  z.strictObject({ from: ModelId, to: ModelId, reason: Reason.optional() }),
)
export const ProviderRemoved = defineEvent('ProviderRemoved', 1, Before.extend({ reason: Reason.optional() }))

export const LlmEvent = z.discriminatedUnion('type', [ProviderSet, KeyRotated, ModelChanged, ProviderRemoved])
export type LlmEvent = z.infer<typeof LlmEvent>
