import type { WebhookCommand } from '@stewrd/core/webhooks/commands.ts'
import type { OptInEvent, SealedSigningSecret } from '@stewrd/core/webhooks/events.ts'
import type {
  ChangeWebhookEventsInput,
  RegenerateSecretInput,
  RemoveWebhookInput,
  SetWebhookInput,
} from '@stewrd/core/webhooks/input.ts'
import { webhooks, webhooksStream } from '@stewrd/core/webhooks/webhooks.ts'
import type { Webhooks } from '@stewrd/core/webhooks/webhooks.ts'
import type { Secret } from '@stewrd/crypto/secret.ts'
import type { z } from 'zod'
import type { Change } from '../kernel/change.ts'
import { metaOf, shown } from '../kernel/change.ts'
import type { Platform } from '../platform.ts'
import { activeProject, streamOf } from '../projects/project-of.ts'
import { destroyUnused, discardIfRefused, sealedNewSecret, secretsOf } from './secrets.ts'

/** A project's webhook without its secret, of which only the fingerprint can be shown. */
export type WebhookCurrent = {
  revision: number
  webhook: {
    url: string
    secretFingerprint: string
    /** The secret before signs as well, until then (unix ms). */
    overlap: { fingerprint: string; until: number } | null
    events: readonly OptInEvent[]
  } | null
}
/** `secret` is shown this once; null where none was made, or when a repeated request finds that it was given out already. */
export type WebhookChange = WebhookCurrent & { changed: boolean; secret: string | null }

export async function currentWebhook(platform: Platform, projectId: string): Promise<WebhookCurrent> {
  const { revision, state } = await platform.store.head(
    webhooks,
    streamOf(platform, projectId, webhooksStream(projectId)),
  )
  return currentOf(platform, revision, state)
}

/** Where events go from now on. The first address comes with a secret; one that moves keeps it. */
export async function setWebhook(platform: Platform, input: z.output<typeof SetWebhookInput>, actor: string) {
  await activeProject(platform, input.projectId)
  await platform.egress.check(input.url)
  const stream = streamOf(platform, input.projectId, webhooksStream(input.projectId))
  const { state } = await platform.store.head(webhooks, stream)
  const command = { type: 'SetWebhook', url: input.url } as const
  if (state.status === 'set') return change(platform, input, command, actor)
  const made = await sealedNewSecret(platform, input.projectId)
  return change(platform, input, { ...command, secret: made.sealed }, actor, made)
}

/** A new secret; for the time of the overlap the one before signs as well. */
export async function regenerateSecret(
  platform: Platform,
  input: z.output<typeof RegenerateSecretInput>,
  actor: string,
): Promise<WebhookChange> {
  await activeProject(platform, input.projectId)
  const made = await sealedNewSecret(platform, input.projectId)
  const overlapMs = input.overlapMinutes * 60_000
  const command = { type: 'RegenerateWebhookSecret', secret: made.sealed, overlapMs, now: platform.now() } as const
  return change(platform, input, command, actor, made)
}

export async function changeWebhookEvents(
  platform: Platform,
  input: z.output<typeof ChangeWebhookEventsInput>,
  actor: string,
): Promise<WebhookChange> {
  await activeProject(platform, input.projectId)
  return change(platform, input, { type: 'ChangeWebhookEvents', events: input.events }, actor)
}

export const removeWebhook = (platform: Platform, input: z.output<typeof RemoveWebhookInput>, actor: string) =>
  change(platform, input, { type: 'RemoveWebhook' }, actor)

type Input = Change & { projectId: string; reason?: string | undefined }
type Made = { secret: Secret; sealed: SealedSigningSecret }

async function change(
  platform: Platform,
  input: Input,
  command: WebhookCommand,
  actor: string,
  made?: Made,
): Promise<WebhookChange> {
  const stream = streamOf(platform, input.projectId, webhooksStream(input.projectId))
  const before = secretsOf((await platform.store.head(webhooks, stream)).state)
  const asked = { ...command, ...(input.reason !== undefined && { reason: input.reason }) }
  const { revision, state, events, repeated } = await platform.store
    .execute(webhooks, stream, asked, metaOf(input, actor))
    .catch((error: unknown) => {
      if (made) discardIfRefused(platform, made.sealed, error)
      throw error
    })
  destroyUnused(platform, [...before, ...(made ? [made.sealed] : [])], state)
  await shown(platform, stream.stream, revision)
  const isNew = made && !repeated && secretsOf(state).some(({ dekId }) => dekId === made.sealed.dekId)
  return {
    ...currentOf(platform, revision, state),
    changed: events.length > 0,
    secret: isNew ? made.secret.reveal() : null,
  }
}

function currentOf({ now }: Pick<Platform, 'now'>, revision: number, state: Webhooks): WebhookCurrent {
  if (state.status === 'none') return { revision, webhook: null }
  const { url, secret, previous, events } = state
  const overlap = previous && now() < previous.until ? previous : undefined
  return {
    revision,
    webhook: {
      url,
      secretFingerprint: secret.fingerprint,
      overlap: overlap ? { fingerprint: overlap.secret.fingerprint, until: overlap.until } : null,
      events,
    },
  }
}
