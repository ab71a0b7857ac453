import type { Decider } from '../kernel/decider.ts'
import { Refusal } from '../kernel/errors.ts'
import type { LlmCommand, SetProvider } from './commands.ts'
import type { ProviderRef, SealedKey } from './events.ts'
import { LlmEvent } from './events.ts'

/** `default`: the project runs on the deployment's model. */
export type Llm = { status: 'default' } | OwnLlm
export type OwnLlm = { status: 'own'; provider: ProviderRef; model: string; key: SealedKey }

export const llmStream = (projectId: string) => `llm:${projectId}`

export const llm: Decider<Llm, LlmCommand, LlmEvent> = {
  noun: 'llm',
  stateVersion: 1,
  initial: { status: 'default' },
  event: LlmEvent,
  decide(command, state) {
    const why = command.reason === undefined ? {} : { reason: command.reason }
    if (command.type === 'SetProvider') return setProvider(command, state, why)
    if (state.status !== 'own') throw new Refusal('PROVIDER_NOT_SET', {})
    switch (command.type) {
      case 'RotateKey':
        if (command.key.fingerprint === state.key.fingerprint)
          throw new Refusal('KEY_UNCHANGED', { fingerprint: state.key.fingerprint })
        return [{ type: 'KeyRotated', version: 1, data: { key: command.key, replaces: state.key.fingerprint, ...why } }]
      case 'ChangeModel':
        return changeModel(state, command.model, why)
      case 'RemoveProvider':
        return [{ type: 'ProviderRemoved', version: 1, data: { ...sides(state), ...why } }]
      default:
        return command satisfies never
    }
  },
  evolve(state, event) {
    switch (event.type) {
      case 'ProviderSet':
        return { status: 'own', provider: event.data.provider, model: event.data.model, key: event.data.key }
      case 'KeyRotated':
        return state.status === 'own' ? { ...state, key: event.data.key } : state
      case 'ModelChanged':
        return state.status === 'own' ? { ...state, model: event.data.to } : state
      case 'ProviderRemoved':
        return { status: 'default' }
      default:
        return event satisfies never
    }
  },
  // Sealing the same key twice gives different bytes; its fingerprint is what stays.
  identity: (command) => ('key' in command ? { ...command, key: command.key?.fingerprint } : command),
}

type Why = { reason?: string }

function setProvider(command: SetProvider, state: Llm, why: Why): LlmEvent[] {
  const { provider, model, key } = command
  if (!key) {
    if (state.status !== 'own') throw new Refusal('KEY_REQUIRED', { because: 'first_key' })
    if (state.provider.provider !== provider.provider)
      throw new Refusal('KEY_REQUIRED', { because: 'provider_changed' })
    if (state.provider.baseUrl !== provider.baseUrl) throw new Refusal('KEY_REQUIRED', { because: 'base_url_changed' })
    return changeModel(state, model, why)
  }
  const samePlace =
    state.status === 'own' &&
    state.provider.provider === provider.provider &&
    state.provider.baseUrl === provider.baseUrl
  if (samePlace && state.key.fingerprint === key.fingerprint) return changeModel(state, model, why)
  const replaces = state.status === 'own' ? sides(state) : null
  return [{ type: 'ProviderSet', version: 1, data: { provider, model, key, replaces, ...why } }]
}

function changeModel(state: OwnLlm, model: string, why: Why): LlmEvent[] {
  if (state.model === model) return []
  return [{ type: 'ModelChanged', version: 1, data: { from: state.model, to: model, ...why } }]
}

const sides = (state: OwnLlm) => ({ provider: state.provider, model: state.model, fingerprint: state.key.fingerprint })
