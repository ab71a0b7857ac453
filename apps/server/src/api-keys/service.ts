import type { ApiKeyCommand } from '@stewrd/core/api-keys/commands.ts'
import type { ApiKeyRow } from '@stewrd/core/api-keys/api-keys.projection.ts'
import type { ApiKeys } from '@stewrd/core/api-keys/api-keys.ts'
import { apiKeys, apiKeysStream } from '@stewrd/core/api-keys/api-keys.ts'
import { Refusal } from '@stewrd/core/kernel/errors.ts'
import type { Lookup, Outcome } from '@stewrd/core/kernel/execute.ts'
import type { ApiKeyEvent } from '@stewrd/core/api-keys/events.ts'
import type { ActorLabel } from '../auth/people.ts'
import { actorLabels } from '../auth/people.ts'
import type { Change } from '../kernel/change.ts'
import { metaOf, shown } from '../kernel/change.ts'
import type { Platform } from '../platform.ts'
import { activeProject, streamOf } from '../projects/project-of.ts'

/** The project's API key without the key: it cannot be shown again. */
export type ApiKeyCurrent = {
  status: ApiKeys['status']
  keyId: string | null
  issuedAt: number | null
  issuedBy: ActorLabel | null
  revision: number
}
/** `apiKey` is shown this once. It is null when a repeated request finds that the key was given out already. */
export type NewApiKey = { apiKey: string | null; keyId: string | null; revision: number }

export async function currentApiKey(platform: Platform, projectId: string): Promise<ApiKeyCurrent> {
  const [{ revision, state }, row] = await Promise.all([
    platform.store.head(apiKeys, streamOf(platform, projectId, apiKeysStream(projectId))),
    platform.views.get<ApiKeyRow>('api-keys', platform.accountId, projectId),
  ])
  const keyId = state.status === 'active' ? state.keyId : null
  const known = row && row.keyId === keyId ? row : undefined
  const label = await actorLabels(platform.people, known ? [known.issuedBy] : [])
  const issued = known
    ? { issuedAt: known.issuedAt, issuedBy: label(known.issuedBy) }
    : { issuedAt: null, issuedBy: null }
  return { status: state.status, keyId, ...issued, revision }
}

/** A new key; the one before stops working with the same append. */
export async function regenerateApiKey(
  platform: Platform,
  projectId: string,
  change: Change,
  actor: string,
): Promise<NewApiKey> {
  await activeProject(platform, projectId)
  const { apiKey, keyId, hash } = platform.secrets.newApiKey()
  const command = { type: 'RegenerateApiKey', keyId, hash } as const
  const outcome = await changeKey(platform, projectId, command, change, actor)
  const state = outcome.state
  return {
    apiKey: outcome.repeated ? null : apiKey.reveal(),
    keyId: state.status === 'active' ? state.keyId : null,
    revision: outcome.revision,
  }
}

/** The key stops working; the project has none until one is regenerated. */
export async function revokeApiKey(
  platform: Platform,
  projectId: string,
  change: Change,
  actor: string,
): Promise<{ revision: number }> {
  const { revision } = await changeKey(platform, projectId, { type: 'RevokeApiKey' }, change, actor)
  return { revision }
}

/** The first key of a project, or null when it has had one already. */
export async function issueApiKey(platform: Platform, projectId: string, actor: string): Promise<string | null> {
  const head = await platform.store.head(apiKeys, streamOf(platform, projectId, apiKeysStream(projectId)))
  if (head.revision > 0) return null
  const { apiKey, keyId, hash } = platform.secrets.newApiKey()
  try {
    await changeKey(platform, projectId, { type: 'IssueApiKey', keyId, hash }, { expectedRevision: 0 }, actor)
    return apiKey.reveal()
  } catch (error) {
    if (error instanceof Refusal && error.code === 'REVISION_MOVED') return null
    throw error
  }
}

/** Appends together with the look-ups that make the new key work and the old one stop. */
async function changeKey(
  platform: Platform,
  projectId: string,
  command: ApiKeyCommand,
  change: Change,
  actor: string,
  attempt = 1,
): Promise<Outcome<ApiKeys, ApiKeyEvent>> {
  const stream = streamOf(platform, projectId, apiKeysStream(projectId))
  const head = await platform.store.head(apiKeys, stream)
  const meta = metaOf({ expectedRevision: head.revision, ...stripped(change) }, actor)
  try {
    const outcome = await platform.store.execute(apiKeys, stream, command, {
      ...meta,
      lookups: lookups(command, head.state),
    })
    await shown(platform, stream.stream, outcome.revision)
    return outcome
  } catch (error) {
    // The look-ups belong to the head that was read: without a wish of the caller's, a moved head is read again.
    const moved = error instanceof Refusal && error.code === 'REVISION_MOVED' && change.expectedRevision === undefined
    if (!moved || attempt === 5) throw error
    return changeKey(platform, projectId, command, change, actor, attempt + 1)
  }
}

const stripped = ({ commandId, expectedRevision }: Change): Change => ({
  ...(commandId === undefined ? {} : { commandId }),
  ...(expectedRevision === undefined ? {} : { expectedRevision }),
})

const lookups = (command: ApiKeyCommand, before: ApiKeys): Lookup[] => [
  ...(before.status === 'active' ? [{ op: 'delete', hash: before.hash } as const] : []),
  ...('hash' in command ? [{ op: 'put', hash: command.hash } as const] : []),
]
