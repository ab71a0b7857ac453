import { z } from 'zod'
import { changeMeta, Reason } from '../kernel/text.ts'
import { MaxAgeDays } from './events.ts'

/** `maxAgeDays` null: back to the deployment's rule. */
export const SetRotationPolicyInput = z.strictObject({
  projectId: z.uuid(),
  maxAgeDays: MaxAgeDays.nullable(),
  reason: Reason.optional(),
  ...changeMeta,
})
