import type { Describe } from '../kernel/sentence.ts'
import { sentence } from '../kernel/sentence.ts'
import type { WebhookEvent } from './events.ts'

export const describeWebhooks = {
  WebhookSet: ({ url, replaces }) =>
    replaces === null
      ? sentence`set the webhook to ${host(url)}`
      : sentence`moved the webhook from ${host(replaces)} to ${host(url)}`,
  WebhookSecretRegenerated: ({ secret, replaces, overlap }) =>
    overlap
      ? sentence`replaced the webhook secret ${replaces} by ${secret.fingerprint}; both sign until ${new Date(overlap.until).toISOString()}`
      : sentence`replaced the webhook secret ${replaces} by ${secret.fingerprint}`,
  WebhookOverlapEnded: ({ fingerprint }) => sentence`destroyed the replaced webhook secret ${fingerprint}`,
  WebhookEventsChanged: ({ from, to }) =>
    sentence`changed the webhook's further events from ${list(from)} to ${list(to)}`,
  WebhookRemoved: ({ url }) => sentence`removed the webhook to ${host(url)}`,
} satisfies Describe<WebhookEvent>

// A path can be a secret of the receiver's.
const host = (url: string) => new URL(url).host
const list = (events: readonly string[]) => (events.length === 0 ? 'none' : events.join(', '))
