import { z } from 'zod'
import { defineEvent } from '../kernel/event.ts'
import { line, Reason } from '../kernel/text.ts'
import { providerIds } from './providers.ts'

export const ModelId = line(200, 'The model')
export const KeyFingerprint = z.string().regex(/^fp_[0-9a-f]{16}$/)

/** Where calls go. `baseUrl` has no trailing slash. */
export const ProviderRef = z.strictObject({ provider: z.enum(providerIds), baseUrl: z.url().max(500) })
export type ProviderRef = z.infer<typeof ProviderRef>

/**
 * A provider key that only the runtime can open: sealed once more under a `secret` data key (base64), bound to its base URL. The data key is
 * its own: once that is destroyed, the value is gone, though the event stays.
 */
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

/** A candidate that runs do not know yet. */
export const KeyStaged = defineEvent('KeyStaged', 1, z.strictObject({ key: SealedKey, reason: Reason.optional() }))
/** The staged key was given up without ever having been in use. */
export const KeyUnstaged = defineEvent(
  'KeyUnstaged',
  1,
  z.strictObject({ fingerprint: KeyFingerprint, reason: Reason.optional() }),
)
/** Stands right after its `KeyRotated`: until `until` (unix ms) runs fall back to the old `key` where the provider answers 401 to the new. */
export const OverlapStarted = defineEvent('OverlapStarted', 1, z.strictObject({ key: SealedKey, until: z.int() }))
export const OverlapEnded = defineEvent(
  'OverlapEnded',
  1,
  z.strictObject({
    fingerprint: KeyFingerprint,
    because: z.enum(['time', 'request']),
    reason: Reason.optional(),
  }),
)
/** The old key is in use again, and the new one is given up. */
export const KeyRolledBack = defineEvent(
  'KeyRolledBack',
  1,
  z.strictObject({ key: SealedKey, replaces: KeyFingerprint, reason: Reason.optional() }),
)

export const LlmEvent = z.discriminatedUnion('type', [
  ProviderSet,
  KeyRotated,
  ModelChanged,
  ProviderRemoved,
  KeyStaged,
  KeyUnstaged,
  OverlapStarted,
  OverlapEnded,
  KeyRolledBack,
])
export type LlmEvent = z.infer<typeof LlmEvent>
