import type { ChangeModelInput, RemoveProviderInput, SetProviderInput } from '@stewrd/core/llm/input.ts'
import { keyOf, providerRef } from '@stewrd/core/llm/input.ts'
import { Secret } from '@stewrd/crypto/secret.ts'
import type { z } from 'zod'
import type { Platform } from '../platform.ts'
import { tested } from './candidate.ts'
import type { LlmChange } from './change.ts'
import { begin, finish } from './change.ts'

type SetProvider = z.output<typeof SetProviderInput>
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
  const candidate = { provider, model: input.model, key, command: 'SetProvider' } as const
  const warning = await tested(platform, stream, candidate, input, actor)
  const sealed = await platform.secrets.sealKey(stream.projectId, provider.baseUrl, key)
  return finish(platform, stream, { ...command, key: sealed }, meta, warning)
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
