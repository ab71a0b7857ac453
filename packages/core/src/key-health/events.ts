import { z } from 'zod'
import { defineEvent } from '../kernel/event.ts'

const Fingerprint = z.string().regex(/^fp_[0-9a-f]{16}$/)
/** What made the check: saving a candidate, rotating to it, somebody's "test", or a run that the provider answered. */
export const CheckSource = z.enum(['set', 'rotate', 'test', 'run'])
/** How sure it is: `key_endpoint` asks about the key itself, `models` lists models, `one_token` makes a call of one token. */
export const CheckMethod = z.enum(['key_endpoint', 'models', 'one_token', 'run'])
const checked = { fingerprint: Fingerprint, source: CheckSource }

export const KeyVerified = defineEvent(
  'KeyVerified',
  1,
  z.strictObject({ ...checked, method: CheckMethod, latencyMs: z.int().min(0) }),
)
export const KeyRejected = defineEvent(
  'KeyRejected',
  1,
  z.strictObject({ ...checked, status: z.int(), reason: z.string().max(300) }),
)
export const KeyUnreachable = defineEvent(
  'KeyUnreachable',
  1,
  z.strictObject({ ...checked, reason: z.string().max(300) }),
)

export const KeyHealthEvent = z.discriminatedUnion('type', [KeyVerified, KeyRejected, KeyUnreachable])
export type KeyHealthEvent = z.infer<typeof KeyHealthEvent>
