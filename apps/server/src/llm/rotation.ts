import { Refusal } from '@stewrd/core/kernel/errors.ts'
import type { StreamId } from '@stewrd/core/kernel/execute.ts'
import type { Overlap } from '@stewrd/core/llm/commands.ts'
import type { SealedKey } from '@stewrd/core/llm/events.ts'
import type { ActivateKeyInput, RotateKeyInput, RotationStepInput, StageKeyInput } from '@stewrd/core/llm/input.ts'
import { keyOf } from '@stewrd/core/llm/input.ts'
import type { OwnLlm } from '@stewrd/core/llm/llm.ts'
import { llm } from '@stewrd/core/llm/llm.ts'
import { Secret } from '@stewrd/crypto/secret.ts'
import type { z } from 'zod'
import type { Platform } from '../platform.ts'
import { tested } from './candidate.ts'
import type { ChangeInput, LlmChange } from './change.ts'
import { begin, discard, finish } from './change.ts'

type RotateKey = z.output<typeof RotateKeyInput>
type StageKey = z.output<typeof StageKeyInput>
type ActivateKey = z.output<typeof ActivateKeyInput>
type Step = z.output<typeof RotationStepInput>

const TRIES = 5

/**
 * Replaces the key and nothing else, in one go: it is sealed, opened again and verified as a run would use it, and only then put into use.
 * With an overlap the old one stays as a fallback for so long; without, its value is destroyed.
 */
export function rotateKey(platform: Platform, input: RotateKey, actor: string): Promise<LlmChange> {
  const overlap = overlapOf(platform, input.overlapMinutes)
  return withCandidate(platform, input, actor, 'RotateKey', (key) => ({ type: 'RotateKey', key, ...overlap }))
}

/** Verifies a key and keeps it beside the one in use; no run uses it before `activateKey`. */
export const stageKey = (platform: Platform, input: StageKey, actor: string): Promise<LlmChange> =>
  withCandidate(platform, input, actor, 'StageKey', (key) => ({ type: 'StageKey', key }))

/** Puts the staged key into use, when the provider accepts it now. Otherwise it stays staged. */
export async function activateKey(platform: Platform, input: ActivateKey, actor: string): Promise<LlmChange> {
  const { stream, meta, reason } = await begin(platform, input, actor)
  const { state } = await ownHead(platform, stream)
  const staged = state.staged ?? (await repeatedOf(platform, stream, input))
  if (!staged) throw new Refusal('KEY_NOT_STAGED', {})
  const key = await platform.secrets.openKey(stream.projectId, state.provider.baseUrl, staged)
  await platform.egress.check(state.provider.baseUrl)
  const warning = await tested(platform, stream, { ...state, key, command: 'ActivateKey' }, input, actor)
  const overlap = overlapOf(platform, input.overlapMinutes)
  const command = { type: 'ActivateKey', fingerprint: staged.fingerprint, ...overlap, ...reason } as const
  return finish(platform, stream, command, meta, warning)
}

/** Gives the staged key up; its value is destroyed. */
export async function unstageKey(platform: Platform, input: Step, actor: string): Promise<LlmChange> {
  const { stream, meta, reason } = await begin(platform, input, actor)
  const { state } = await ownHead(platform, stream)
  if (!state.staged) throw new Refusal('KEY_NOT_STAGED', {})
  return finish(platform, stream, { type: 'UnstageKey', fingerprint: state.staged.fingerprint, ...reason }, meta, null)
}

/** Within the overlap: the old key is in use again, and the value of the new one is destroyed. */
export async function rollBackKey(platform: Platform, input: Step, actor: string): Promise<LlmChange> {
  const { stream, meta, reason } = await begin(platform, input, actor)
  return finish(platform, stream, { type: 'RollBackKey', now: platform.now(), ...reason }, meta, null)
}

/** Ends the overlap before its time; the value of the old key is destroyed. */
export async function endOverlap(platform: Platform, input: Step, actor: string): Promise<LlmChange> {
  const { stream, meta, reason } = await begin(platform, input, actor)
  return finish(platform, stream, { type: 'EndOverlap', now: platform.now(), early: true, ...reason }, meta, null)
}

type Candidate = Pick<OwnLlm, 'provider' | 'model'> & { key: Secret; command: CandidateCommand['type'] }
type CandidateCommand = { type: 'RotateKey'; key: SealedKey } | { type: 'StageKey'; key: SealedKey }

async function withCandidate(
  platform: Platform,
  input: ChangeInput & { key?: string | undefined },
  actor: string,
  type: CandidateCommand['type'],
  commandOf: (sealed: SealedKey) => CandidateCommand,
  attempt = 1,
): Promise<LlmChange> {
  const { stream, meta, reason } = await begin(platform, input, actor)
  const sent = keyOf(input.key)
  if (sent === undefined) throw new Refusal('INVALID_INPUT', { field: 'key', problem: 'Enter the new key.' })
  const { revision, state } = await ownHead(platform, stream)
  await platform.egress.check(state.provider.baseUrl)
  const { sealed, warning } = await sealedAndTested(
    platform,
    stream,
    { ...state, key: new Secret(sent), command: type },
    input,
    actor,
  )
  // The key is sealed for this provider and replaces this key: a configuration that meanwhile has another is a conflict.
  const pinned = { ...meta, expectedRevision: input.expectedRevision ?? revision }
  try {
    return await finish(platform, stream, { ...commandOf(sealed), ...reason }, pinned, warning)
  } catch (error) {
    const moved = error instanceof Refusal && error.code === 'REVISION_MOVED' && input.expectedRevision === undefined
    if (!moved || attempt === TRIES) throw error
    return withCandidate(platform, input, actor, type, commandOf, attempt + 1)
  }
}

/** What is tested is what was sealed, opened the way that runs open it. */
async function sealedAndTested(
  platform: Platform,
  stream: StreamId,
  { provider, model, key, command }: Candidate,
  input: ChangeInput,
  actor: string,
): Promise<{ sealed: SealedKey; warning: string | null }> {
  const sealed = await platform.secrets.sealKey(stream.projectId, provider.baseUrl, key)
  try {
    const opened = await platform.secrets.openKey(stream.projectId, provider.baseUrl, sealed)
    const candidate = { provider, model, key: opened, command } as const
    return { sealed, warning: await tested(platform, stream, candidate, input, actor) }
  } catch (error) {
    discard(platform, sealed.dekId)
    throw error
  }
}

async function ownHead(platform: Platform, stream: StreamId): Promise<{ revision: number; state: OwnLlm }> {
  const { revision, state } = await platform.store.head(llm, stream)
  if (state.status !== 'own') throw new Refusal('PROVIDER_NOT_SET', {})
  return { revision, state }
}

/** An activation that was carried out already leaves its key in use: asked again, it is that one. */
async function repeatedOf(
  platform: Platform,
  stream: StreamId,
  { commandId }: ChangeInput,
): Promise<SealedKey | undefined> {
  if (commandId === undefined || !(await platform.store.isDone(stream, commandId))) return undefined
  return (await ownHead(platform, stream)).state.key
}

const overlapOf = ({ now }: Platform, minutes = 0): { overlap?: Overlap; now?: number } =>
  minutes > 0 ? { overlap: { ms: minutes * 60_000 }, now: now() } : {}
