import { expect, test } from 'vitest'
import type { LlmEvent, SealedKey } from './events.ts'
import type { LlmRow } from './llm.projection.ts'
import { llmView } from './llm.projection.ts'
import { llmStream } from './llm.ts'

const provider = { provider: 'openai', baseUrl: 'https://api.openai.com/v1' } as const
const key = (fingerprint: string): SealedKey => ({
  sealed: 'c2VhbGVk',
  dekId: '01976c5e-7d00-7000-8000-0000000000aa',
  fingerprint,
})
const [a, b] = ['fp_00000000000000aa', 'fp_00000000000000bb']
const set: LlmEvent = {
  type: 'ProviderSet',
  version: 1,
  data: { provider, model: 'gpt-4o', key: key(a), replaces: null },
}
const rotated: LlmEvent = { type: 'KeyRotated', version: 1, data: { key: key(b), replaces: a } }
const changed: LlmEvent = { type: 'ModelChanged', version: 1, data: { from: 'gpt-4o', to: 'o1' } }
const removed: LlmEvent = { type: 'ProviderRemoved', version: 1, data: { provider, model: 'o1', fingerprint: b } }

const logged = (event: LlmEvent, seq: number) => ({
  event,
  seq,
  index: seq,
  at: seq * 10,
  accountId: 'acc',
  projectId: 'p',
  stream: llmStream('p'),
  eventId: `e${seq}`,
  actor: `user:${seq}`,
})
const fold = (...events: LlmEvent[]) =>
  events.map((e, i) => logged(e, i + 1)).reduce<LlmRow | undefined>(llmView.evolve, undefined)

const row = { projectId: 'p', provider, model: 'gpt-4o', keyFingerprint: a, keySetAt: 10, keySetBy: 'user:1' }

test('a project has one row', () => expect(llmView.key(logged(set, 1))).toBe('p'))

test('setting a provider tells who set the key and when, and never the key', () => {
  expect(fold(set)).toEqual({ ...row, revision: 1, changedAt: 10, changedBy: 'user:1' })
  expect(JSON.stringify(fold(set))).not.toContain('c2VhbGVk')
})

test('a rotation makes the key young again; a change of model does not', () => {
  const changeOf = (seq: number) => ({ revision: seq, changedAt: seq * 10, changedBy: `user:${seq}` })
  expect(fold(set, changed)).toEqual({ ...row, model: 'o1', ...changeOf(2) })
  expect(fold(set, changed, rotated)).toEqual({
    ...row,
    model: 'o1',
    keyFingerprint: b,
    keySetAt: 30,
    keySetBy: 'user:3',
    before: { keySetAt: 10, keySetBy: 'user:1' },
    ...changeOf(3),
  })
})

test('a roll back makes the old key as old as it was, and staging changes no more than the revision', () => {
  const back: LlmEvent = { type: 'KeyRolledBack', version: 1, data: { key: key(a), replaces: b } }
  const staged: LlmEvent = { type: 'KeyStaged', version: 1, data: { key: key(b) } }
  expect(fold(set, staged, rotated, back)).toEqual({ ...row, revision: 4, changedAt: 40, changedBy: 'user:4' })
  expect(fold(set, staged)).toEqual({ ...row, revision: 2, changedAt: 20, changedBy: 'user:2' })
})

test('a removed provider leaves no row, and what needs one makes none', () => {
  expect(fold(set, rotated, removed)).toBeUndefined()
  expect(fold(rotated, changed)).toBeUndefined()
})

test('a provider set after a removal begins anew', () =>
  expect(fold(set, removed, set)).toEqual({
    ...row,
    keySetAt: 30,
    keySetBy: 'user:3',
    revision: 3,
    changedAt: 30,
    changedBy: 'user:3',
  }))
