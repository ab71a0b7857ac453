import type { Describe } from '../kernel/sentence.ts'
import { sentence } from '../kernel/sentence.ts'
import type { LlmEvent, ProviderRef } from './events.ts'
import { providers } from './providers.ts'

export const describeLlm = {
  ProviderSet: ({ provider, model, key, replaces }) =>
    replaces
      ? sentence`replaced ${placeName(replaces.provider)} by ${placeName(provider)} with model ${model} and key ${key.fingerprint}`
      : sentence`set the provider to ${placeName(provider)} with model ${model} and key ${key.fingerprint}`,
  KeyRotated: ({ key, replaces }) => sentence`rotated the provider key from ${replaces} to ${key.fingerprint}`,
  ModelChanged: ({ from, to }) => sentence`changed the model from ${from} to ${to}`,
  ProviderRemoved: ({ provider, fingerprint }) =>
    sentence`removed the provider ${placeName(provider)} and its key ${fingerprint}`,
  KeyStaged: ({ key }) => sentence`staged the provider key ${key.fingerprint}: no run uses it yet`,
  KeyUnstaged: ({ fingerprint }) => sentence`took the staged key ${fingerprint} away`,
  OverlapStarted: ({ key, until }) =>
    sentence`kept the old key ${key.fingerprint} as a fallback until ${new Date(until).toISOString()}`,
  OverlapEnded: ({ fingerprint, because }) =>
    because === 'time'
      ? sentence`ended the overlap in time: ${fingerprint} is no fallback any more`
      : sentence`ended the overlap early: ${fingerprint} is no fallback any more`,
  KeyRolledBack: ({ key, replaces }) => sentence`rolled the provider key back from ${replaces} to ${key.fingerprint}`,
} satisfies Describe<LlmEvent>

/** "OpenAI", or the host of a custom server. */
export const placeName = ({ provider, baseUrl }: ProviderRef) =>
  provider === 'custom' ? new URL(baseUrl).host : providers[provider].name
