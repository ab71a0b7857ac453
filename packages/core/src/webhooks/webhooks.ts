import type { Decider } from '../kernel/decider.ts'
import { Refusal } from '../kernel/errors.ts'
import type { RegenerateWebhookSecret, SetWebhook, WebhookCommand } from './commands.ts'
import type { OptInEvent, SealedSigningSecret } from './events.ts'
import { optInEvents, WebhookEvent } from './events.ts'

export type Webhooks = { status: 'none' } | Webhook
export type Webhook = {
  status: 'set'
  url: string
  secret: SealedSigningSecret
  /** Signs as well, until `until` (unix ms). */
  previous?: { secret: SealedSigningSecret; until: number }
  /** Besides `agent.completed`. */
  events: readonly OptInEvent[]
}

export const webhooksStream = (projectId: string) => `webhooks:${projectId}`

/** Where a project's events are sent: one address, one secret, two of them while it changes. */
export const webhooks: Decider<Webhooks, WebhookCommand, WebhookEvent> = {
  noun: 'webhooks',
  stateVersion: 1,
  initial: { status: 'none' },
  event: WebhookEvent,
  decide(command, state) {
    const why = 'reason' in command && command.reason !== undefined ? { reason: command.reason } : {}
    if (command.type === 'SetWebhook') return setWebhook(command, state, why)
    if (command.type === 'EndWebhookOverlap') {
      const { fingerprint } = command
      if (state.status === 'none' || state.previous?.secret.fingerprint !== fingerprint) return []
      return [{ type: 'WebhookOverlapEnded', version: 1, data: { fingerprint } }]
    }
    if (state.status === 'none') throw new Refusal('WEBHOOK_NOT_SET', {})
    switch (command.type) {
      case 'RegenerateWebhookSecret':
        return regenerate(command, state, why)
      case 'ChangeWebhookEvents': {
        const to = optInEvents.filter((event) => command.events.includes(event))
        if (to.join() === state.events.join()) return []
        return [{ type: 'WebhookEventsChanged', version: 1, data: { from: [...state.events], to, ...why } }]
      }
      case 'RemoveWebhook':
        return [{ type: 'WebhookRemoved', version: 1, data: { url: state.url, ...why } }]
      default:
        return command satisfies never
    }
  },
  evolve(state, event) {
    if (event.type === 'WebhookSet') {
      const { url, secret } = event.data
      if (state.status === 'set') return { ...state, url }
      return secret ? { status: 'set', url, secret, events: [] } : state
    }
    if (state.status === 'none') return state
    const { previous: _, ...without } = state
    switch (event.type) {
      case 'WebhookSecretRegenerated': {
        const { secret, overlap } = event.data
        return { ...without, secret, ...(overlap && { previous: overlap }) }
      }
      case 'WebhookOverlapEnded':
        return without
      case 'WebhookEventsChanged':
        return { ...state, events: event.data.to }
      case 'WebhookRemoved':
        return { status: 'none' }
      default:
        return event satisfies never
    }
  },
  conflictsWith(command, event) {
    if (event.type === 'WebhookOverlapEnded') return false
    // An address that moved took neither its secret nor its events along.
    if (event.type === 'WebhookSet' && event.data.replaces !== null) return !KEEPS_ADDRESS.includes(command.type)
    if (event.type === 'WebhookSecretRegenerated') return !['SetWebhook', 'ChangeWebhookEvents'].includes(command.type)
    if (event.type === 'WebhookEventsChanged') return !['SetWebhook', 'RegenerateWebhookSecret'].includes(command.type)
    return true
  },
  // A retry draws another secret, and comes later; it is the same wish.
  identity(command) {
    const { secret: _, now: __, ...asked } = { secret: undefined, now: undefined, ...command }
    return asked
  },
}

const KEEPS_ADDRESS: readonly string[] = ['RegenerateWebhookSecret', 'ChangeWebhookEvents']

type Why = { reason?: string }

function setWebhook({ url, secret }: SetWebhook, state: Webhooks, why: Why): WebhookEvent[] {
  if (state.status === 'set') {
    if (state.url === url) return []
    return [{ type: 'WebhookSet', version: 1, data: { url, replaces: state.url, ...why } }]
  }
  // The server always sends one where there is none.
  if (!secret) throw new Refusal('WEBHOOK_NOT_SET', {})
  return [{ type: 'WebhookSet', version: 1, data: { url, secret, replaces: null, ...why } }]
}

function regenerate({ secret, overlapMs, now }: RegenerateWebhookSecret, state: Webhook, why: Why): WebhookEvent[] {
  const overlap = overlapMs > 0 ? { secret: state.secret, until: now + overlapMs } : null
  const data = { secret, replaces: state.secret.fingerprint, overlap, ...why }
  return [{ type: 'WebhookSecretRegenerated', version: 1, data }]
}
