import { expect, test } from 'vitest'
import type { LlmEvent, SealedKey } from '../llm/events.ts'
import type { KeyCustodyEvent } from '../key-custody/events.ts'
import type { HeldKeysRow } from './held-keys.projection.ts'
import { heldKeysView } from './held-keys.projection.ts'

const key = (letter: string, dek = letter): SealedKey => ({
  sealed: 'c2VhbGVk',
  dekId: `01976c5e-7d00-7000-8000-0000000000${dek.repeat(2)}`,
  fingerprint: `fp_00000000000000${letter.repeat(2)}`,
})
const [a, b] = [key('a'), key('b')]
const provider = { provider: 'openai', baseUrl: 'https://api.openai.com/v1' } as const
const set = (k: SealedKey): LlmEvent => ({
  type: 'ProviderSet',
  version: 1,
  data: { provider, model: 'm', key: k, replaces: null },
})
const rotate = (k: SealedKey): LlmEvent => ({
  type: 'KeyRotated',
  version: 1,
  data: { key: k, replaces: a.fingerprint },
})
const stage = (k: SealedKey): LlmEvent => ({ type: 'KeyStaged', version: 1, data: { key: k } })
const overlap = (k: SealedKey, until: number): LlmEvent => ({
  type: 'OverlapStarted',
  version: 1,
  data: { key: k, until },
})
const back = (k: SealedKey): LlmEvent => ({
  type: 'KeyRolledBack',
  version: 1,
  data: { key: k, replaces: b.fingerprint },
})
const removed: LlmEvent = {
  type: 'ProviderRemoved',
  version: 1,
  data: { provider, model: 'm', fingerprint: b.fingerprint },
}
const retired = ({ fingerprint, dekId }: SealedKey): KeyCustodyEvent => ({
  type: 'KeyRetired',
  version: 1,
  data: { fingerprint, dekId },
})
const ended: LlmEvent = { type: 'OverlapEnded', version: 1, data: { fingerprint: a.fingerprint, because: 'time' } }
const unstaged: LlmEvent = {
  type: 'KeyUnstaged',
  version: 1,
  data: { fingerprint: b.fingerprint },
}

/** Event n happens at n. */
const fold = (...events: (LlmEvent | KeyCustodyEvent)[]) =>
  events.reduce<HeldKeysRow | undefined>((row, event, i) => {
    const place = { accountId: 'acc', projectId: 'p', stream: 's', seq: i, eventId: 'e', actor: 'x', index: i }
    return heldKeysView.evolve(row, { ...place, event, at: i + 1 })
  }, undefined)!
const roles = ({ held }: HeldKeysRow) => held.map((k) => `${k.fingerprint.slice(-1)} ${k.role}`)

test('a replaced key is due at once', () => {
  const row = fold(set(a), rotate(b))
  expect(roles(row)).toEqual(['a replaced', 'b active'])
  expect(row.dueAt).toBe(2)
})

test('in an overlap it is due when that ends', () => {
  const row = fold(set(a), rotate(b), overlap(a, 99))
  expect(roles(row)).toEqual(['b active', 'a fallback'])
  expect(row.dueAt).toBe(99)
  expect(fold(set(a), rotate(b), overlap(a, 99), ended)).toMatchObject({ dueAt: 4 })
})

test('what was destroyed is held no more', () => {
  const row = fold(set(a), rotate(b), retired(a))
  expect(roles(row)).toEqual(['b active'])
  expect(row.dueAt).toBeNull()
})

test('a roll back keeps the old key and gives up the new one', () =>
  expect(roles(fold(set(a), rotate(b), overlap(a, 99), back(a)))).toEqual(['b replaced', 'a active']))

test('a staged key is held; taken away it is due; activated it is in use', () => {
  expect(fold(set(a), stage(b))).toMatchObject({ dueAt: null })
  expect(fold(set(a), stage(b), unstaged)).toMatchObject({ dueAt: 3 })
  expect(roles(fold(set(a), stage(b), rotate(b)))).toEqual(['a replaced', 'b active'])
})

test('removing the provider makes everything due', () =>
  expect(roles(fold(set(a), stage(b), removed))).toEqual(['a replaced', 'b replaced']))

test('an old key that shares its data key with one in use waits for that one', () => {
  const [first, second] = [key('a', 'd'), key('b', 'd')]
  expect(fold(set(first), rotate(second)).dueAt).toBeNull()
  expect(fold(set(first), rotate(second), rotate(key('c'))).dueAt).toBe(2)
})
