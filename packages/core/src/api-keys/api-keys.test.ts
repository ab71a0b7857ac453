import { expect, test } from 'vitest'
import { spec } from '../kernel/spec.testing.ts'
import type { ApiKeyEvent } from './events.ts'
import { apiKeysView } from './api-keys.projection.ts'
import { apiKeys, apiKeysStream } from './api-keys.ts'

const one = { keyId: '01976c5e-7d00-7000-8000-000000000001', hash: 'ab'.repeat(32) }
const two = { keyId: '01976c5e-7d00-7000-8000-000000000002', hash: 'cd'.repeat(32) }
const issued: ApiKeyEvent = { type: 'ApiKeyIssued', version: 1, data: one }
const regenerated: ApiKeyEvent = { type: 'ApiKeyRegenerated', version: 1, data: { ...two, replaces: one.keyId } }
const revoked: ApiKeyEvent = { type: 'ApiKeyRevoked', version: 1, data: { keyId: one.keyId } }
const given = spec(apiKeys)

test('a project without a key gets its first one', () =>
  given()
    .when({ type: 'IssueApiKey', ...one })
    .then(issued))

test('at most one key works: a second is not issued beside the first', () =>
  given(issued)
    .when({ type: 'IssueApiKey', ...two })
    .thenRefused('API_KEY_EXISTS'))

test('after a revocation a key can be issued again', () =>
  given(issued, revoked)
    .when({ type: 'IssueApiKey', ...two })
    .then({ type: 'ApiKeyIssued', version: 1, data: two }))

test('regenerating names the key that stops working', () =>
  given(issued)
    .when({ type: 'RegenerateApiKey', ...two })
    .then(regenerated))

test('regenerating where there is no key issues one', () => {
  given()
    .when({ type: 'RegenerateApiKey', ...one })
    .then(issued)
  given(issued, revoked)
    .when({ type: 'RegenerateApiKey', ...two })
    .then({ type: 'ApiKeyIssued', version: 1, data: two })
})

test('revoking names the key that stops working', () => given(issued).when({ type: 'RevokeApiKey' }).then(revoked))

test('there is nothing to revoke without a key', () => {
  given().when({ type: 'RevokeApiKey' }).thenRefused('API_KEY_MISSING')
  given(issued, revoked).when({ type: 'RevokeApiKey' }).thenRefused('API_KEY_MISSING')
})

test('the newest key is the one that works', () => {
  expect(given(issued, regenerated).state).toEqual({ status: 'active', ...two })
  expect(given(issued, revoked).state).toEqual({ status: 'revoked' })
  expect(given(revoked).state).toEqual({ status: 'revoked' })
})

test('a retry that drew another key is the same command', () => {
  const identity = apiKeys.identity!
  expect(identity({ type: 'RegenerateApiKey', ...one })).toEqual(identity({ type: 'RegenerateApiKey', ...two }))
  expect(identity({ type: 'RegenerateApiKey', ...one })).not.toEqual(identity({ type: 'IssueApiKey', ...one }))
})

test('the view tells since when and by whom, and never the hash', () => {
  const logged = (event: ApiKeyEvent, seq: number) => ({
    event,
    seq,
    index: seq,
    at: seq * 10,
    accountId: 'acc',
    projectId: 'p',
    stream: apiKeysStream('p'),
    eventId: `e${seq}`,
    actor: `user:${seq}`,
  })
  const fold = (...events: ApiKeyEvent[]) =>
    events.map((e, i) => logged(e, i + 1)).reduce<ReturnType<typeof apiKeysView.evolve>>(apiKeysView.evolve, undefined)
  const row = { projectId: 'p', keyId: two.keyId, status: 'active', issuedAt: 20, issuedBy: 'user:2', revision: 2 }
  expect(apiKeysView.key(logged(issued, 1))).toBe('p')
  expect(fold(issued, regenerated)).toEqual(row)
  expect(fold(issued, regenerated, revoked)).toEqual({ ...row, status: 'revoked', revision: 3 })
  expect(fold(revoked)).toBeUndefined()
})
