import type { Projection } from '../kernel/projection.ts'
import type { OptInEvent, WebhookEvent } from './events.ts'

export type WebhookRow = {
  projectId: string
  /** When the secret before stops signing (unix ms), and its value is to be destroyed. */
  overlapUntil: number | null
  events: readonly OptInEvent[]
}

/** Projects with a webhook. Address and secret stay sealed in the stream. */
export const webhooksView: Projection<WebhookEvent, WebhookRow> = {
  name: 'webhooks',
  version: 1,
  key: ({ projectId }) => projectId,
  evolve(row, { event, projectId }) {
    switch (event.type) {
      case 'WebhookSet':
        return row ?? { projectId, overlapUntil: null, events: [] }
      case 'WebhookSecretRegenerated':
        return row && { ...row, overlapUntil: event.data.overlap?.until ?? null }
      case 'WebhookOverlapEnded':
        return row && { ...row, overlapUntil: null }
      case 'WebhookEventsChanged':
        return row && { ...row, events: event.data.to }
      case 'WebhookRemoved':
        return undefined
      default:
        return event satisfies never
    }
  },
}
