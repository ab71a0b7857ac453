import { expect, test } from 'vitest'
import { spec } from '../kernel/spec.testing.ts'
import type { LlmEvent, ProviderRef, SealedKey } from './events.ts'
import { llm, llmStream } from './llm.ts'

const openai: ProviderRef = { provider: 'openai', baseUrl: 'https://api.openai.com/v1' }
const openrouter: ProviderRef = { provider: 'openrouter', baseUrl: 'https://openrouter.ai/api/v1' }
const at = (baseUrl: string): ProviderRef => ({ provider: 'custom', baseUrl })
const key = (fingerprint: string, sealed = 'c2VhbGVk'): SealedKey => ({
  sealed,
  dekId: '01976c5e-7d00-7000-8000-0000000000aa',
  fingerprint: `fp_${fingerprint.padStart(16, '0')}`,
})
const [a, b] = [key('a'), key('b')]
const set = (provider = openai, model = 'gpt-4o', k = a): LlmEvent => ({
  type: 'ProviderSet',
  version: 1,
  data: { provider, model, key: k, replaces: null },
})
const rotated: LlmEvent = { type: 'KeyRotated', version: 1, data: { key: b, replaces: a.fingerprint } }
const changed: LlmEvent = { type: 'ModelChanged', version: 1, data: { from: 'gpt-4o', to: 'o1' } }
const removed: LlmEvent = {
  type: 'ProviderRemoved',
  version: 1,
  data: { provider: openai, model: 'gpt-4o', fingerprint: a.fingerprint },
}
const given = spec(llm)

test('the first provider replaces nothing', () =>
  given().when({ type: 'SetProvider', provider: openai, model: 'gpt-4o', key: a }).then(set()))

test('the first provider needs a key', () =>
  given()
    .when({ type: 'SetProvider', provider: openai, model: 'gpt-4o' })
    .thenRefused('KEY_REQUIRED', { because: 'first_key' }))

test('another provider needs its own key', () =>
  given(set())
    .when({ type: 'SetProvider', provider: openrouter, model: 'gpt-4o' })
    .thenRefused('KEY_REQUIRED', { because: 'provider_changed' }))

test('another base URL asks for the key again: a key only goes to the host it was saved for', () =>
  given(set(at('https://one.example/v1')))
    .when({ type: 'SetProvider', provider: at('https://two.example/v1'), model: 'gpt-4o' })
    .thenRefused('KEY_REQUIRED', { because: 'base_url_changed' }))

test('after a removal the key is needed again', () =>
  given(set(), removed)
    .when({ type: 'SetProvider', provider: openai, model: 'gpt-4o' })
    .thenRefused('KEY_REQUIRED', { because: 'first_key' }))

test('a new provider records what it replaces', () =>
  given(set())
    .when({ type: 'SetProvider', provider: openrouter, model: 'o1', key: b, reason: 'cheaper' })
    .then({
      type: 'ProviderSet',
      version: 1,
      data: {
        provider: openrouter,
        model: 'o1',
        key: b,
        replaces: { provider: openai, model: 'gpt-4o', fingerprint: a.fingerprint },
        reason: 'cheaper',
      },
    }))

test('the same key for another base URL is a new provider, because it is sealed for another host', () =>
  given(set(at('https://one.example/v1')))
    .when({ type: 'SetProvider', provider: at('https://two.example/v1'), model: 'gpt-4o', key: a })
    .then({
      type: 'ProviderSet',
      version: 1,
      data: {
        provider: at('https://two.example/v1'),
        model: 'gpt-4o',
        key: a,
        replaces: { provider: at('https://one.example/v1'), model: 'gpt-4o', fingerprint: a.fingerprint },
      },
    }))

test('saving without a key keeps the key and changes the model', () =>
  given(set()).when({ type: 'SetProvider', provider: openai, model: 'o1' }).then(changed))

test('saving the same key again changes at most the model', () => {
  const again = key('a', 'YW5vdGhlcg==')
  given(set()).when({ type: 'SetProvider', provider: openai, model: 'o1', key: again }).then(changed)
  given(set()).when({ type: 'SetProvider', provider: openai, model: 'gpt-4o', key: again }).then()
})

test('rotating records both fingerprints', () => given(set()).when({ type: 'RotateKey', key: b }).then(rotated))

test('rotating to the key in use is refused', () =>
  given(set()).when({ type: 'RotateKey', key: a }).thenRefused('KEY_UNCHANGED', { fingerprint: a.fingerprint }))

test('changing the model records both sides of the change', () =>
  given(set()).when({ type: 'ChangeModel', model: 'o1' }).then(changed))

test('changing to the model in use changes nothing', () =>
  given(set()).when({ type: 'ChangeModel', model: 'gpt-4o', reason: 'sure' }).then())

test('removing says what was removed, and by which reason', () =>
  given(set())
    .when({ type: 'RemoveProvider', reason: 'done' })
    .then({ ...removed, data: { ...removed.data, reason: 'done' } }))

test.each([
  { type: 'RotateKey', key: a } as const,
  { type: 'ChangeModel', model: 'o1' } as const,
  { type: 'RemoveProvider' } as const,
])('a project without its own provider refuses $type', (command) => {
  given().when(command).thenRefused('PROVIDER_NOT_SET')
  given(set(), removed).when(command).thenRefused('PROVIDER_NOT_SET')
})

test('what happened folds to the configuration of now', () => {
  expect(given(set(), rotated, changed).state).toEqual({ status: 'own', provider: openai, model: 'o1', key: b })
  expect(given(set(), removed).state).toEqual({ status: 'default' })
})

test('a rotation or model change in a stream without a provider folds to nothing, and never throws', () => {
  expect(given(rotated, changed, removed).state).toEqual(llm.initial)
})

test('sealing the same key twice is the same command; another key is another', () => {
  const identity = (k: SealedKey) => llm.identity!({ type: 'RotateKey', key: k })
  expect(identity(key('a', 'YW5vdGhlcg=='))).toEqual(identity(a))
  expect(identity(b)).not.toEqual(identity(a))
  expect(llm.identity!({ type: 'ChangeModel', model: 'o1' })).toEqual({ type: 'ChangeModel', model: 'o1' })
})

test('a project has one stream for its model', () => expect(llmStream('p')).toBe('llm:p'))
