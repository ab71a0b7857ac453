import type { OptInEvent, SealedSigningSecret } from './events.ts'

// Made by the server, which draws and seals the secret; never parsed from the outside.
/** `secret` is used where the project has none yet. */
export type SetWebhook = { type: 'SetWebhook'; url: string; secret?: SealedSigningSecret; reason?: string }
/** For `overlapMs` from `now` (unix ms) the secret before signs as well. */
export type RegenerateWebhookSecret = {
  type: 'RegenerateWebhookSecret'
  secret: SealedSigningSecret
  overlapMs: number
  now: number
  reason?: string
}
/** After the data key of the secret before was destroyed. */
export type EndWebhookOverlap = { type: 'EndWebhookOverlap'; fingerprint: string }
export type ChangeWebhookEvents = { type: 'ChangeWebhookEvents'; events: readonly OptInEvent[]; reason?: string }
export type RemoveWebhook = { type: 'RemoveWebhook'; reason?: string }

export type WebhookCommand =
  | SetWebhook
  | RegenerateWebhookSecret
  | EndWebhookOverlap
  | ChangeWebhookEvents
  | RemoveWebhook
