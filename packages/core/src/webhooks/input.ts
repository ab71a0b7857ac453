import { z } from 'zod'
import { changeMeta, Reason } from '../kernel/text.ts'
import { OptInEvent } from './events.ts'

const change = { projectId: z.uuid(), reason: Reason.optional(), ...changeMeta }

/** An http(s) address without user, password and fragment. Whether plain http is allowed is the deployment's to say. */
export const WebhookUrl = z
  .string()
  .trim()
  .max(2000, 'The address is longer than 2000 characters.')
  .refine(
    (text) => isWebhookUrl(text),
    'The address must look like https://host/path, without user, password or fragment.',
  )
  .transform((text) => new URL(text).href)

export const SetWebhookInput = z.strictObject({ ...change, url: WebhookUrl })
/** How long both secrets sign. */
export const RegenerateSecretInput = z.strictObject({
  ...change,
  overlapMinutes: z
    .int('The overlap is a whole number of minutes.')
    .min(0, 'The overlap cannot be negative.')
    .max(7 * 24 * 60, 'The overlap is at most 7 days.'),
})
export const ChangeWebhookEventsInput = z.strictObject({ ...change, events: z.array(OptInEvent).max(20) })
export const RemoveWebhookInput = z.strictObject(change)

function isWebhookUrl(text: string): boolean {
  const url = URL.parse(text)
  return !!url && /^https?:$/.test(url.protocol) && !url.username && !url.password && !url.hash
}
