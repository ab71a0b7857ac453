import { Refusal } from '@stewrd/core/kernel/errors.ts'
import type { CommandMeta, StreamId } from '@stewrd/core/kernel/execute.ts'
import type { RecordKeyCheck } from '@stewrd/core/key-health/commands.ts'
import type { LlmCommand } from '@stewrd/core/llm/commands.ts'
import type { ProviderRef } from '@stewrd/core/llm/events.ts'
import type { ChangeModelInput, RemoveProviderInput, RotateKeyInput, SetProviderInput } from '@stewrd/core/llm/input.ts'
import { keyOf, providerRef } from '@stewrd/core/llm/input.ts'
import { llm, llmStream } from '@stewrd/core/llm/llm.ts'
import { Secret } from '@stewrd/crypto/secret.ts'
import { checkKey } from '@stewrd/runtime/provider/check-key.ts'
import type { z } from 'zod'
import { metaOf, shown } from '../kernel/change.ts'
import type { Platform } from '../platform.ts'
import { activeProject, streamOf } from '../projects/project-of.ts'
import { recordCheck } from './check.ts'
import type { LlmCurrent } from './current.ts'
import { currentLlm } from './current.ts'

/** What a change led to. `changed` is false when everything was like that already; `warning` is for the person who made it. */
export type LlmChange = { revision: number; changed: boolean; warning: string | null; llm: LlmCurrent }

type SetProvider = z.output<typeof SetProviderInput>
type RotateKey = z.output<typeof RotateKeyInput>
type ChangeModel = z.output<typeof ChangeModelInput>
type RemoveProvider = z.output<typeof RemoveProviderInput>

/** Sets provider, model and key. The candidate is tested first: KEY_REJECTED changes nothing, unreachable is saved with a warning. */
export async function setProvider(platform: Platform, input: SetProvider, actor: string): Promise<LlmChange> {
  const { stream, meta, reason } = await begin(platform, input, actor)
  const provider = providerRef(input.provider, input.baseUrl)
  await platform.egress.check(provider.baseUrl)
  const sent = keyOf(input.key)
  const command = { type: 'SetProvider', provider, model: input.model, ...reason } as const
  if (sent === undefined) return finish(platform, stream, command, meta, null)
  const key = new Secret(sent)
  const candidate = { provider, model: input.model, key, source: 'set' } as const
  const warning = await tested(platform, stream, candidate, input, actor)
  const sealed = await platform.secrets.sealKey(stream.projectId, provider.baseUrl, key)
  return finish(platform, stream, { ...command, key: sealed }, meta, warning)
}

/** Replaces the key and nothing else. Tested like in `setProvider`. */
export async function rotateKey(platform: Platform, input: RotateKey, actor: string, attempt = 1): Promise<LlmChange> {
  const { stream, meta, reason } = await begin(platform, input, actor)
  const sent = keyOf(input.key)
  if (sent === undefined) throw new Refusal('INVALID_INPUT', { field: 'key', problem: 'Enter the new key.' })
  const key = new Secret(sent)
  const { revision, state } = await platform.store.head(llm, stream)
  if (state.status !== 'own') throw new Refusal('PROVIDER_NOT_SET', {})
  const { provider, model } = state
  await platform.egress.check(provider.baseUrl)
  const warning = await tested(platform, stream, { provider, model, key, source: 'rotate' }, input, actor)
  const sealed = await platform.secrets.sealKey(stream.projectId, provider.baseUrl, key)
  // The key is sealed for this provider: it must not land in a configuration that meanwhile names another.
  const pinned = { ...meta, expectedRevision: input.expectedRevision ?? revision }
  try {
    return await finish(platform, stream, { type: 'RotateKey', key: sealed, ...reason }, pinned, warning)
  } catch (error) {
    const moved = error instanceof Refusal && error.code === 'REVISION_MOVED' && input.expectedRevision === undefined
    if (!moved || attempt === 5) throw error
    return rotateKey(platform, input, actor, attempt + 1)
  }
}

/** Changes the model and nothing else; also how an earlier model is restored. */
export async function changeModel(platform: Platform, input: ChangeModel, actor: string): Promise<LlmChange> {
  const { stream, meta, reason } = await begin(platform, input, actor)
  return finish(platform, stream, { type: 'ChangeModel', model: input.model, ...reason }, meta, null)
}

/** Takes provider and key away: the project runs on the deployment's model again. */
export async function removeProvider(platform: Platform, input: RemoveProvider, actor: string): Promise<LlmChange> {
  const { stream, meta, reason } = await begin(platform, input, actor)
  return finish(platform, stream, { type: 'RemoveProvider', ...reason }, meta, null)
}

type Input = {
  projectId: string
  reason?: string | undefined
  commandId?: string | undefined
  expectedRevision?: number | undefined
}

async function begin(platform: Platform, input: Input, actor: string) {
  await activeProject(platform, input.projectId)
  const stream = streamOf(platform, input.projectId, llmStream(input.projectId))
  const reason = input.reason === undefined ? {} : { reason: input.reason }
  return { stream, reason, meta: metaOf(input, actor) }
}

async function finish(
  platform: Platform,
  stream: StreamId,
  command: LlmCommand,
  meta: CommandMeta,
  warning: string | null,
): Promise<LlmChange> {
  const { revision, events } = await platform.store.execute(llm, stream, command, meta)
  await shown(platform, stream.stream, revision)
  return { revision, changed: events.length > 0, warning, llm: await currentLlm(platform, stream.projectId) }
}

type CandidateKey = { provider: ProviderRef; model: string; key: Secret; source: RecordKeyCheck['source'] }

/** Asks the provider about a key before anything is saved. Returns a warning when it could not be asked. */
async function tested(
  platform: Platform,
  stream: StreamId,
  { provider, model, key, source }: CandidateKey,
  { commandId, expectedRevision }: Input,
  actor: string,
): Promise<string | null> {
  // A retry of what was already carried out must give its first result, whatever the provider says today.
  if (commandId !== undefined && (await platform.store.findCommand(stream.accountId, commandId))) return null
  const fingerprint = platform.secrets.fingerprint(key)
  const head = await platform.store.head(llm, stream)
  if (expectedRevision !== undefined && expectedRevision !== head.revision)
    throw new Refusal('REVISION_MOVED', {
      stream: stream.stream,
      expected: expectedRevision,
      actual: head.revision,
    })
  if (source === 'rotate' && head.state.status === 'own' && head.state.key.fingerprint === fingerprint)
    throw new Refusal('KEY_UNCHANGED', { fingerprint })
  const check = await checkKey(platform.egress, { ...provider, key, model })
  await recordCheck(platform, stream.projectId, fingerprint, source, check, actor)
  if (check.health === 'rejected')
    throw new Refusal('KEY_REJECTED', { fingerprint, status: check.status, reason: check.reason })
  if (check.health === 'verified') return null
  return `The key was saved without having been tested: ${check.reason}`
}
