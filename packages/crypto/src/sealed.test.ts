import { createSecretKey, randomBytes } from 'node:crypto'
import { inspect } from 'node:util'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { apiKeyLooksValid, newApiKey } from './api-key.ts'
import type { DataKey } from './data-key.ts'
import { dataKeyIsDue, MAX_AGE_MS, MAX_ENCRYPTIONS } from './data-key.ts'
import { apiKeyHash, deriveKey, fingerprint } from './mac.ts'
import { openSecret, sealSecret } from './sealed-secret.ts'
import { Secret } from './secret.ts'
import { openSnapshot, sealSnapshot } from './snapshot.ts'

const keyOf = (purpose: DataKey['purpose']): DataKey => ({
  id: `dek-${purpose}`,
  purpose,
  epoch: 1,
  key: createSecretKey(randomBytes(32)),
})
const secretKey = keyOf('secret')
const eventKey = keyOf('event')
const secretAad = { accountId: 'a', projectId: 'p', baseUrl: 'https://api.openai.com/v1', dekId: secretKey.id }
const snapshotAad = { accountId: 'a', projectId: 'p', stream: 's', seq: 4, stateVersion: 1, dekId: eventKey.id }

test('a provider key opens for the host that it was saved for, and for no other project, account or key', () =>
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), fc.string({ minLength: 1 }), (value, other) => {
      const sealed = sealSecret(secretKey, secretAad, new Secret(value))
      expect(openSecret(secretKey, secretAad, sealed).reveal()).toBe(Buffer.from(value).toString())
      for (const field of ['accountId', 'projectId', 'baseUrl'] as const) {
        const moved = { ...secretAad, [field]: secretAad[field] + other }
        expect(() => openSecret(secretKey, moved, sealed)).toThrow('ENVELOPE_TAMPERED')
      }
      expect(() => openSecret(eventKey, { ...secretAad, dekId: eventKey.id }, sealed)).toThrow('WRONG_KEY')
    }),
  ))

test('any flipped bit of a sealed key or a snapshot is refused', () =>
  fc.assert(
    fc.property(fc.nat(), fc.integer({ min: 0, max: 7 }), (place, bit) => {
      const flipped = (sealed: Buffer) => {
        sealed[place % sealed.length]! ^= 1 << bit
        return sealed
      }
      const secret = flipped(sealSecret(secretKey, secretAad, new Secret('sk-1')))
      const snapshot = flipped(sealSnapshot(eventKey, snapshotAad, Buffer.from('{}')))
      expect(() => openSecret(secretKey, secretAad, secret)).toThrow(/TAMPERED|MALFORMED/)
      expect(() => openSnapshot(eventKey, snapshotAad, snapshot)).toThrow(/TAMPERED|MALFORMED/)
    }),
  ))

test('a snapshot is of one stream, at one place, by one fold', () => {
  const sealed = sealSnapshot(eventKey, snapshotAad, Buffer.from('{}'))
  expect(openSnapshot(eventKey, snapshotAad, sealed).toString()).toBe('{}')
  const others = [{ stream: 't' }, { seq: 3 }, { stateVersion: 2 }, { projectId: 'q' }, { accountId: 'b' }]
  for (const other of others)
    expect(() => openSnapshot(eventKey, { ...snapshotAad, ...other }, sealed)).toThrow('ENVELOPE_TAMPERED')
})

test('a secret shows itself in no text', () => {
  const value = 'sk-very-secret-value'
  const secret = new Secret(value)
  const holder = { secret, list: [secret], error: new Error('x', { cause: secret }) }
  const texts = [
    String(secret),
    JSON.stringify(holder),
    inspect(holder, { depth: 9, showHidden: true }),
    inspect(structuredClone(secret)),
    Object.values(secret).join(''),
    Object.getOwnPropertyNames(secret).join(''),
  ]
  for (const text of texts) expect(text).not.toContain(value)
  expect(secret.reveal()).toBe(value)
  expect([secret.equals(new Secret(value)), secret.equals(new Secret(`${value}!`))]).toEqual([true, false])
})

test('a fingerprint tells equal keys, and nothing to whoever lacks the deployment key', () => {
  const [one, two] = [deriveKey(keyOf('deployment'), 'mac'), deriveKey(keyOf('deployment'), 'mac')]
  const secret = new Secret('sk-1')
  expect(fingerprint(one, secret)).toMatch(/^fp_[0-9a-f]{16}$/)
  expect(fingerprint(one, new Secret('sk-1'))).toBe(fingerprint(one, secret))
  expect(fingerprint(one, new Secret('sk-2'))).not.toBe(fingerprint(one, secret))
  expect(fingerprint(two, secret)).not.toBe(fingerprint(one, secret))
  expect(apiKeyHash(one, secret).toString('hex')).not.toContain(fingerprint(one, secret).slice(3))
})

test('keys for different uses come from one, and only from the deployment key', () => {
  const root = keyOf('deployment')
  expect(deriveKey(root, 'a').equals(deriveKey(root, 'a'))).toBe(true)
  expect(deriveKey(root, 'a').equals(deriveKey(root, 'b'))).toBe(false)
  expect(() => deriveKey(eventKey, 'a')).toThrow('WRONG_KEY')
})

test('a mistyped API key is known without a look-up', () =>
  fc.assert(
    fc.property(fc.integer({ min: 7, max: 42 }), fc.integer({ min: 1, max: 61 }), (place, by) => {
      const alphabet = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
      const key = newApiKey().reveal()
      expect(apiKeyLooksValid(key)).toBe(true)
      const other = alphabet[(alphabet.indexOf(key[place]!) + by) % 62]!
      expect(apiKeyLooksValid(key.slice(0, place) + other + key.slice(place + 1))).toBe(false)
      expect(apiKeyLooksValid(key.slice(0, -1))).toBe(false)
    }),
  ))

test('a data key is retired by count or by age, whichever comes first', () => {
  const due = (encryptions: number, age: number) => dataKeyIsDue({ encryptions, createdAt: 0 }, age)
  expect([due(0, 0), due(MAX_ENCRYPTIONS - 1, MAX_AGE_MS - 1)]).toEqual([false, false])
  expect([due(MAX_ENCRYPTIONS, 0), due(0, MAX_AGE_MS)]).toEqual([true, true])
})
