import type { Decider } from '../kernel/decider.ts'
import { Refusal } from '../kernel/errors.ts'
import type { EndOverlap, LlmCommand, Overlap, SetProvider } from './commands.ts'
import type { ProviderRef, SealedKey } from './events.ts'
import { LlmEvent } from './events.ts'

/** `default`: the project runs on the deployment's model. */
export type Llm = { status: 'default' } | OwnLlm
export type OwnLlm = {
  status: 'own'
  provider: ProviderRef
  model: string
  key: SealedKey
  /** Not in use yet. */
  staged?: SealedKey
  /** The key before, until `until` (unix ms). */
  fallback?: { key: SealedKey; until: number }
}

export const llmStream = (projectId: string) => `llm:${projectId}`

export const llm: Decider<Llm, LlmCommand, LlmEvent> = {
  noun: 'llm',
  stateVersion: 2,
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
        return rotated(state, command.key, command, why)
      case 'StageKey':
        if (command.key.fingerprint === state.key.fingerprint)
          throw new Refusal('KEY_UNCHANGED', { fingerprint: state.key.fingerprint })
        return [{ type: 'KeyStaged', version: 1, data: { key: command.key, ...why } }]
      case 'UnstageKey': {
        const { fingerprint } = command
        if (state.staged?.fingerprint !== fingerprint) throw new Refusal('KEY_NOT_STAGED', {})
        return [{ type: 'KeyUnstaged', version: 1, data: { fingerprint, ...why } }]
      }
      case 'ActivateKey':
        if (state.staged?.fingerprint !== command.fingerprint) throw new Refusal('KEY_NOT_STAGED', {})
        return rotated(state, state.staged, command, why)
      case 'RollBackKey': {
        const { fallback } = state
        if (!fallback || command.now >= fallback.until) throw new Refusal('NO_OVERLAP', {})
        const data = { key: fallback.key, replaces: state.key.fingerprint, ...why }
        return [{ type: 'KeyRolledBack', version: 1, data }]
      }
      case 'EndOverlap':
        return endOverlap(state, command, why)
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
        return state.status === 'own' ? inUse(state, event.data.key) : state
      case 'KeyRolledBack':
        return state.status === 'own' ? inUse(state, event.data.key) : state
      case 'KeyStaged':
        return state.status === 'own' ? { ...state, staged: event.data.key } : state
      case 'KeyUnstaged':
        return state.status === 'own' ? without(state, 'staged') : state
      case 'OverlapStarted':
        return state.status === 'own' ? { ...state, fallback: event.data } : state
      case 'OverlapEnded':
        return state.status === 'own' ? without(state, 'fallback') : state
      case 'ModelChanged':
        return state.status === 'own' ? { ...state, model: event.data.to } : state
      case 'ProviderRemoved':
        return { status: 'default' }
      default:
        return event satisfies never
    }
  },
  conflictsWith: (command, event) => replacedBy(command).includes(event.type),
  // Sealing the same key twice gives different bytes; its fingerprint is what stays. A retry comes later than the first try.
  identity(command) {
    const { now: _, ...asked } = { now: undefined, ...command }
    return 'key' in asked ? { ...asked, key: asked.key?.fingerprint } : asked
  },
}

const PROVIDER = ['ProviderSet', 'ProviderRemoved'] as const
const KEY = [...PROVIDER, 'KeyRotated', 'KeyRolledBack'] as const
const STAGED = ['KeyStaged', 'KeyUnstaged'] as const
const OVERLAP = ['OverlapStarted', 'OverlapEnded'] as const

/** Events that change what a command replaces. `key`: whether it brings one. */
export function replacedBy({ type, key }: { type: LlmCommand['type']; key?: unknown }): readonly LlmEvent['type'][] {
  switch (type) {
    case 'RotateKey':
      return KEY
    case 'StageKey':
      return [...PROVIDER, 'KeyStaged']
    case 'UnstageKey':
    case 'ActivateKey':
      return [...KEY, ...STAGED]
    case 'RollBackKey':
    case 'EndOverlap':
      return [...KEY, ...OVERLAP]
    case 'SetProvider':
      return key === undefined ? [...PROVIDER, 'ModelChanged'] : [...KEY, 'KeyStaged', 'OverlapStarted', 'ModelChanged']
    case 'RemoveProvider':
      return [...KEY, 'KeyStaged', 'OverlapStarted', 'ModelChanged']
    case 'ChangeModel':
      return [...PROVIDER, 'ModelChanged']
    default:
      return type satisfies never
  }
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

function rotated(
  { key: old }: OwnLlm,
  key: SealedKey,
  { overlap, now = 0 }: { overlap?: Overlap; now?: number },
  why: Why,
): LlmEvent[] {
  const rotation: LlmEvent = { type: 'KeyRotated', version: 1, data: { key, replaces: old.fingerprint, ...why } }
  if (!overlap || overlap.ms === 0) return [rotation]
  return [rotation, { type: 'OverlapStarted', version: 1, data: { key: old, until: now + overlap.ms } }]
}

/** Nothing when there is none, or its time has not come. */
function endOverlap({ fallback }: OwnLlm, { now, early }: EndOverlap, why: Why): LlmEvent[] {
  if (!fallback || (!early && now < fallback.until)) return []
  const because = now < fallback.until ? 'request' : 'time'
  return [{ type: 'OverlapEnded', version: 1, data: { fingerprint: fallback.key.fingerprint, because, ...why } }]
}

/** A key in use ends what was before it: it is staged no more, and nothing falls back any more. */
function inUse(state: OwnLlm, key: SealedKey): OwnLlm {
  const after = without({ ...state, key }, 'fallback')
  return state.staged?.dekId === key.dekId && state.staged.fingerprint === key.fingerprint
    ? without(after, 'staged')
    : after
}

function without(state: OwnLlm, part: 'staged' | 'fallback'): OwnLlm {
  const { [part]: _, ...rest } = state
  return rest
}

function changeModel(state: OwnLlm, model: string, why: Why): LlmEvent[] {
  if (state.model === model) return []
  return [{ type: 'ModelChanged', version: 1, data: { from: state.model, to: model, ...why } }]
}

const sides = (state: OwnLlm) => ({ provider: state.provider, model: state.model, fingerprint: state.key.fingerprint })
