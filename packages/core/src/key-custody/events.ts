import { z } from 'zod'
import { defineEvent } from '../kernel/event.ts'
import { Reason } from '../kernel/text.ts'

/** How old a key in use may become, in whole days. */
export const MaxAgeDays = z
  .int('The maximum age is a whole number of days.')
  .min(1, 'The maximum age is at least 1 day.')
  .max(3650, 'The maximum age is at most 3650 days.')

/** null on either side: the project had, or has from now on, no rule of its own. */
export const RotationPolicySet = defineEvent(
  'RotationPolicySet',
  1,
  z.strictObject({ from: MaxAgeDays.nullable(), to: MaxAgeDays.nullable(), reason: Reason.optional() }),
)

/** The data key of a replaced key was destroyed, and with it the sealed value, wherever it still stands. Recorded after the fact. */
export const KeyRetired = defineEvent(
  'KeyRetired',
  1,
  z.strictObject({ fingerprint: z.string().regex(/^fp_[0-9a-f]{16}$/), dekId: z.uuid() }),
)

export const KeyCustodyEvent = z.discriminatedUnion('type', [RotationPolicySet, KeyRetired])
export type KeyCustodyEvent = z.infer<typeof KeyCustodyEvent>
