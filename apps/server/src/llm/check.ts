import { randomUUID } from 'node:crypto'
import { Refusal } from '@stewrd/core/kernel/errors.ts'
import type { KeyCheck, RecordKeyCheck } from '@stewrd/core/key-health/commands.ts'
import { keyHealth, keyHealthStream } from '@stewrd/core/key-health/key-health.ts'
import type { ProviderRef } from '@stewrd/core/llm/events.ts'
import { keyOf, providerRef } from '@stewrd/core/llm/input.ts'
import type { OwnLlm } from '@stewrd/core/llm/llm.ts'
import { llm, llmStream } from '@stewrd/core/llm/llm.ts'
import type { ProviderId } from '@stewrd/core/llm/providers.ts'
import { suggestedModels } from '@stewrd/core/llm/providers.ts'
import { Secret } from '@stewrd/crypto/secret.ts'
import type { Platform } from '../platform.ts'
import { ProviderError } from '@stewrd/runtime/provider/errors.ts'
import { checkKey } from '@stewrd/runtime/provider/check-key.ts'
import { listModels as providerModels } from '@stewrd/runtime/provider/list-models.ts'

import { shown } from '../kernel/change.ts'
import { streamOf } from '../projects/project-of.ts'

/** What a test found. `tested` says which key: the one that was sent, or the stored one. */
export type KeyTest = {
  status: KeyCheck['health']
  tested: 'candidate' | 'stored'
  fingerprint: string
  /** The candidate is the key that is in use already. */
  inUse: boolean
  httpStatus: number | null
  reason: string | null
  latencyMs: number | null
}
export type ModelList = {
  models: { model: string; bestFor: string | null }[]
  /** `suggested`: the provider could not be asked, and `problem` says why. */
  source: 'provider' | 'suggested'
  problem: string | null
}

/** A form as it stands before saving. What is left out is as stored. */
export type Candidate = {
  projectId: string
  provider?: ProviderId | undefined
  baseUrl?: string | undefined
  model?: string | undefined
  key?: string | undefined
}

/** Tests a candidate without saving anything; or the stored key, and records what was found. */
export async function testKey(platform: Platform, candidate: Candidate, actor: string): Promise<KeyTest> {
  const { target, tested, own } = await targetOf(platform, candidate)
  const model = candidate.model ?? own?.model
  if (!model) throw new Refusal('INVALID_INPUT', { field: 'model', problem: 'Choose a model to test with.' })
  await platform.egress.check(target.baseUrl)
  const fingerprint = platform.secrets.fingerprint(target.key)
  const check = await checkKey(platform.egress, { ...target, model })
  if (tested === 'stored') await recordCheck(platform, candidate.projectId, fingerprint, 'test', check, actor)
  return { tested, fingerprint, inUse: own?.key.fingerprint === fingerprint, ...found(check) }
}

/** The provider's own list, or the suggested models and why. */
export async function listModels(platform: Platform, candidate: Candidate): Promise<ModelList> {
  const suggested = suggestedModels.filter((m) => !candidate.provider || m.provider === candidate.provider)
  try {
    const { target } = await targetOf(platform, candidate)
    await platform.egress.check(target.baseUrl)
    const ids = await providerModels(platform.egress, target)
    return { models: ids.map((model) => ({ model, bestFor: bestFor(model) })), source: 'provider', problem: null }
  } catch (error) {
    if (!(error instanceof Refusal) && !(error instanceof ProviderError)) throw error
    const problem = error.message
    return { models: suggested.map(({ model, bestFor }) => ({ model, bestFor })), source: 'suggested', problem }
  }
}

/** Adds to the key's health what a check found, and waits until pages see it. */
export async function recordCheck(
  platform: Platform,
  projectId: string,
  fingerprint: string,
  source: RecordKeyCheck['source'],
  check: KeyCheck,
  actor: string,
): Promise<void> {
  const stream = streamOf(platform, projectId, keyHealthStream(projectId))
  const command = { type: 'RecordKeyCheck', fingerprint, source, check } as const
  const { revision } = await platform.store.execute(keyHealth, stream, command, { commandId: randomUUID(), actor })
  await shown(platform, stream.stream, revision)
}

type Target = { target: ProviderRef & { key: Secret }; tested: 'candidate' | 'stored'; own: OwnLlm | undefined }

async function targetOf(platform: Platform, candidate: Candidate): Promise<Target> {
  const { projectId } = candidate
  const { state } = await platform.store.head(llm, streamOf(platform, projectId, llmStream(projectId)))
  const own = state.status === 'own' ? state : undefined
  const place = placeOf(candidate, own)
  const sent = keyOf(candidate.key)
  if (sent !== undefined) return { target: { ...place, key: new Secret(sent) }, tested: 'candidate', own }
  return { target: { ...place, key: await storedKey(platform, projectId, own, place) }, tested: 'stored', own }
}

function placeOf({ provider, baseUrl }: Candidate, own: OwnLlm | undefined): ProviderRef {
  if (provider) return providerRef(provider, baseUrl)
  if (!own) throw new Refusal('PROVIDER_NOT_SET', {})
  return own.provider
}

/** A stored key is only ever sent to the place that it was saved for. */
function storedKey(
  platform: Platform,
  projectId: string,
  own: OwnLlm | undefined,
  place: ProviderRef,
): Promise<Secret> {
  if (!own) throw new Refusal('KEY_REQUIRED', { because: 'first_key' })
  if (own.provider.provider !== place.provider) throw new Refusal('KEY_REQUIRED', { because: 'provider_changed' })
  if (own.provider.baseUrl !== place.baseUrl) throw new Refusal('KEY_REQUIRED', { because: 'base_url_changed' })
  return platform.secrets.openKey(projectId, place.baseUrl, own.key)
}

const bestFor = (model: string) => suggestedModels.find((m) => m.model === model)?.bestFor ?? null

const found = (check: KeyCheck): Pick<KeyTest, 'status' | 'httpStatus' | 'reason' | 'latencyMs'> => ({
  status: check.health,
  httpStatus: check.health === 'rejected' ? check.status : null,
  reason: check.health === 'verified' ? null : check.reason,
  latencyMs: check.health === 'verified' ? check.latencyMs : null,
})
