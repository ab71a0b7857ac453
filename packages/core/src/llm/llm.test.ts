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

const HOUR = 3_600_000
const overlapped: LlmEvent = { type: 'OverlapStarted', version: 1, data: { key: a, until: 5 + HOUR } }
const staged: LlmEvent = { type: 'KeyStaged', version: 1, data: { key: b } }

test('a rotation with an overlap keeps the old key as a fallback until its time', () => {
  given(set())
    .when({ type: 'RotateKey', key: b, overlap: { ms: HOUR }, now: 5 })
    .then(rotated, overlapped)
  expect(given(set(), rotated, overlapped).state).toMatchObject({ key: b, fallback: { key: a, until: 5 + HOUR } })
  given(set())
    .when({ type: 'RotateKey', key: b, overlap: { ms: 0 }, now: 5 })
    .then(rotated)
})

test('a staged key is not in use until it is activated', () => {
  given(set()).when({ type: 'StageKey', key: b }).then(staged)
  expect(given(set(), staged).state).toMatchObject({ key: a, staged: b })
  given(set(), staged)
    .when({ type: 'ActivateKey', fingerprint: b.fingerprint, overlap: { ms: HOUR }, now: 5 })
    .then(rotated, overlapped)
  expect(given(set(), { ...staged, data: { key: key('c') } }, rotated).state).toMatchObject({
    key: b,
    staged: key('c'),
  })
  expect(given(set(), staged, rotated).state).toEqual({ status: 'own', provider: openai, model: 'gpt-4o', key: b })
})

test('only the key that is staged can be activated or taken away', () => {
  const { fingerprint } = b
  given(set()).when({ type: 'ActivateKey', fingerprint }).thenRefused('KEY_NOT_STAGED')
  given(set(), staged).when({ type: 'ActivateKey', fingerprint: a.fingerprint }).thenRefused('KEY_NOT_STAGED')
  given(set()).when({ type: 'UnstageKey', fingerprint }).thenRefused('KEY_NOT_STAGED')
  given(set(), staged)
    .when({ type: 'UnstageKey', fingerprint })
    .then({ type: 'KeyUnstaged', version: 1, data: { fingerprint } })
})

test('the key in use cannot be staged', () =>
  given(set()).when({ type: 'StageKey', key: a }).thenRefused('KEY_UNCHANGED', { fingerprint: a.fingerprint }))

test('within the overlap, and only then, a rotation can be rolled back', () => {
  const back: LlmEvent = { type: 'KeyRolledBack', version: 1, data: { key: a, replaces: b.fingerprint } }
  given(set(), rotated, overlapped)
    .when({ type: 'RollBackKey', now: 4 + HOUR })
    .then(back)
  given(set(), rotated, overlapped)
    .when({ type: 'RollBackKey', now: 5 + HOUR })
    .thenRefused('NO_OVERLAP')
  given(set(), rotated).when({ type: 'RollBackKey', now: 6 }).thenRefused('NO_OVERLAP')
  expect(given(set(), rotated, overlapped, back).state).toEqual({
    status: 'own',
    provider: openai,
    model: 'gpt-4o',
    key: a,
  })
})

test('an overlap ends in time, or earlier when somebody asks for it', () => {
  const end = (because: 'time' | 'request'): LlmEvent => ({
    type: 'OverlapEnded',
    version: 1,
    data: { fingerprint: a.fingerprint, because },
  })
  const running = given(set(), rotated, overlapped)
  running.when({ type: 'EndOverlap', now: 4 + HOUR, early: false }).then()
  running.when({ type: 'EndOverlap', now: 5 + HOUR, early: false }).then(end('time'))
  running.when({ type: 'EndOverlap', now: 6, early: true }).then(end('request'))
  given(set(), rotated).when({ type: 'EndOverlap', now: 6, early: true }).then()
  expect(given(set(), rotated, overlapped, end('time')).state).not.toHaveProperty('fallback')
})

test('another rotation or provider ends an overlap, and a new provider takes the staged key away', () => {
  const next: LlmEvent = { type: 'KeyRotated', version: 1, data: { key: key('c'), replaces: b.fingerprint } }
  expect(given(set(), rotated, overlapped, next).state).not.toHaveProperty('fallback')
  expect(given(set(), staged, rotated, overlapped, set(openrouter)).state).toEqual({
    status: 'own',
    provider: openrouter,
    model: 'gpt-4o',
    key: a,
  })
})

test('a retry of a rotation is the same command, whenever it comes', () => {
  const identity = (now: number) => llm.identity!({ type: 'RotateKey', key: b, overlap: { ms: HOUR }, now })
  expect(identity(1)).toEqual(identity(2))
  expect(identity(1)).toEqual({ type: 'RotateKey', key: b.fingerprint, overlap: { ms: HOUR } })
})

const { conflictsWith } = llm as Required<typeof llm>
const staging: LlmEvent = { type: 'KeyStaged', version: 1, data: { key: b } }
const unstaging: LlmEvent = { type: 'KeyUnstaged', version: 1, data: { fingerprint: b.fingerprint } }
const rolledBack: LlmEvent = { type: 'KeyRolledBack', version: 1, data: { key: a, replaces: b.fingerprint } }
const started: LlmEvent = { type: 'OverlapStarted', version: 1, data: { key: a, until: HOUR } }
const ended: LlmEvent = {
  type: 'OverlapEnded',
  version: 1,
  data: { fingerprint: a.fingerprint, because: 'time' },
}
const all = [set(), removed, rotated, rolledBack, staging, unstaging, started, ended, changed]
test.each([
  [{ type: 'RotateKey', key: b }, [set(), removed, rotated, rolledBack]],
  [{ type: 'StageKey', key: b }, [set(), removed, staging]],
  [{ type: 'UnstageKey', fingerprint: 'x' }, [set(), removed, rotated, rolledBack, staging, unstaging]],
  [{ type: 'ActivateKey', fingerprint: 'x' }, [set(), removed, rotated, rolledBack, staging, unstaging]],
  [{ type: 'RollBackKey', now: 1 }, [set(), removed, rotated, rolledBack, started, ended]],
  [{ type: 'EndOverlap', now: 1, early: true }, [set(), removed, rotated, rolledBack, started, ended]],
  [{ type: 'ChangeModel', model: 'o1' }, [set(), removed, changed]],
  [{ type: 'SetProvider', provider: openai, model: 'o1' }, [set(), removed, changed]],
  [
    { type: 'SetProvider', provider: openai, model: 'o1', key: b },
    [set(), removed, rotated, rolledBack, staging, started, changed],
  ],
  [{ type: 'RemoveProvider' }, [set(), removed, rotated, rolledBack, staging, started, changed]],
] as const)('$0.type conflicts with what changes what it replaces, and with nothing else', (command, conflicting) => {
  expect(all.filter((event) => conflictsWith(command, event))).toEqual(conflicting)
})

test('a project has one stream for its model', () => expect(llmStream('p')).toBe('llm:p'))
