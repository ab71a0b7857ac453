import { createSecretKey, randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { DataKey } from './data-key.ts'
import type { EventAad } from './envelope.ts'
import { discloseEvent, headerBytes, isCommitted, openEvent, sealEvent } from './envelope.ts'
import { EnvelopeError, open, seal } from './gcm.ts'
import { pad } from './padding.ts'

const keyOf = (id: string, purpose: DataKey['purpose'] = 'event'): DataKey => ({
  id,
  purpose,
  epoch: 1,
  key: createSecretKey(randomBytes(32)),
})
const key = keyOf('dek-1')

const text = fc.string({ unit: 'grapheme', maxLength: 40 })
const whole = fc.maxSafeNat()
const payload = fc.uint8Array({ maxLength: 600 })
const anAad = fc.record<EventAad>({
  accountId: fc.uuid(),
  projectId: fc.uuid(),
  stream: text,
  seq: whole,
  eventId: fc.uuid(),
  type: text,
  version: whole,
  dekId: fc.constant(key.id),
  at: whole,
  actor: text,
})

/** Asserts that nothing is given out, for one of these reasons. */
const expectRefused = (openIt: () => unknown, ...codes: EnvelopeError['code'][]) =>
  expect(codes).toContain(outcome(openIt))

function outcome(openIt: () => unknown): unknown {
  try {
    return { given: openIt() }
  } catch (error) {
    return error instanceof EnvelopeError ? error.code : error
  }
}

test('what was sealed is what is opened', () =>
  fc.assert(
    fc.property(anAad, payload, (aad, bytes) => {
      expect(openEvent(key, aad, sealEvent(key, aad, bytes))).toEqual(Buffer.from(bytes))
    }),
  ))

test('any flipped bit is refused', () =>
  fc.assert(
    fc.property(anAad, payload, fc.nat(), fc.integer({ min: 0, max: 7 }), (aad, bytes, place, bit) => {
      const sealed = sealEvent(key, aad, bytes)
      const envelope = Buffer.from(sealed.envelope)
      envelope[place % envelope.length]! ^= 1 << bit
      expectRefused(() => openEvent(key, aad, { ...sealed, envelope }), 'ENVELOPE_TAMPERED', 'ENVELOPE_MALFORMED')
      const commitment = Buffer.from(sealed.commitment)
      commitment[place % commitment.length]! ^= 1 << bit
      expectRefused(() => openEvent(key, aad, { ...sealed, commitment }), 'COMMITMENT_MISMATCH')
    }),
  ))

const fields = [
  'accountId',
  'projectId',
  'stream',
  'seq',
  'eventId',
  'type',
  'version',
  'at',
  'actor',
] as const satisfies (keyof EventAad)[]

test.each(fields)('another %s is refused', (field) =>
  fc.assert(
    fc.property(anAad, anAad, payload, (aad, other, bytes) => {
      fc.pre(aad[field] !== other[field])
      const sealed = sealEvent(key, aad, bytes)
      expectRefused(() => openEvent(key, { ...aad, [field]: other[field] }, sealed), 'ENVELOPE_TAMPERED')
    }),
  ),
)

test('another data key is refused, by its id and by its bytes', () =>
  fc.assert(
    fc.property(anAad, payload, (aad, bytes) => {
      const sealed = sealEvent(key, aad, bytes)
      expectRefused(() => openEvent(keyOf('dek-2'), aad, sealed), 'WRONG_KEY')
      expectRefused(() => openEvent(keyOf('dek-2'), { ...aad, dekId: 'dek-2' }, sealed), 'ENVELOPE_TAMPERED')
      expectRefused(() => openEvent(keyOf(key.id), aad, sealed), 'ENVELOPE_TAMPERED')
      expectRefused(() => openEvent({ ...key, purpose: 'secret' }, aad, sealed), 'WRONG_KEY')
    }),
  ))

test('what moves from one field to the next is refused', () =>
  fc.assert(
    fc.property(anAad, text, fc.string({ minLength: 1 }), (aad, stream, moved) => {
      const sealed = sealEvent(key, { ...aad, stream: stream + moved, type: 'T' }, new Uint8Array(1))
      // Without length prefixes these two would be the same bytes.
      expectRefused(() => openEvent(key, { ...aad, stream, type: `${moved}T` }, sealed), 'ENVELOPE_TAMPERED')
    }),
  ))

test('two events that change places are refused, in every pair', () =>
  fc.assert(
    fc.property(anAad, anAad, payload, payload, (a, b, one, two) => {
      fc.pre(!headerBytes(headerOf(a)).equals(headerBytes(headerOf(b))))
      const [first, second] = [sealEvent(key, a, one), sealEvent(key, b, two)]
      expectRefused(() => openEvent(key, a, second), 'ENVELOPE_TAMPERED')
      expectRefused(() => openEvent(key, b, first), 'ENVELOPE_TAMPERED')
    }),
  ))

const headerOf = (aad: EventAad) => ({
  ...aad,
  commitment: Buffer.alloc(32),
  commandId: 'c',
  n: 0,
  commandMac: Buffer.alloc(32),
})

test('a tag that is shorter or longer by any number of bytes is refused', () =>
  fc.assert(
    fc.property(anAad, payload, fc.integer({ min: 1, max: 64 }), (aad, bytes, by) => {
      const sealed = sealEvent(key, aad, bytes)
      const shorter = sealed.envelope.subarray(0, -by)
      const longer = Buffer.concat([sealed.envelope, Buffer.alloc(by)])
      for (const envelope of [shorter, longer])
        expectRefused(() => openEvent(key, aad, { ...sealed, envelope }), 'ENVELOPE_TAMPERED', 'ENVELOPE_MALFORMED')
    }),
  ))

test('every length below the least is refused as malformed', () => {
  for (let length = 0; length < 29; length++)
    expectRefused(() => open(key.key, Buffer.of(1), Buffer.alloc(length, 1)), 'ENVELOPE_MALFORMED')
})

test('whoever has the key still cannot let an event mean something else', () => {
  const aad = fc.sample(anAad, 1)[0]!
  const { commitment } = sealEvent(key, aad, Buffer.from('the truth'))
  const other = sealEvent(key, aad, Buffer.from('a lie'))
  expectRefused(() => openEvent(key, aad, { envelope: other.envelope, commitment }), 'COMMITMENT_MISMATCH')
})

test('padding that was not made by the rule is refused, even under the right key', () => {
  const aad = Buffer.of(1)
  const padded = pad(Buffer.alloc(32), Buffer.from('x'))
  const event = fc.sample(anAad, 1)[0]!
  const dirty = Buffer.from(padded)
  dirty[200] = 1
  const lengthy = Buffer.from(padded)
  lengthy.writeUInt32BE(0xffff, 32)
  for (const bytes of [dirty, lengthy, Buffer.concat([padded, Buffer.alloc(256)]), padded.subarray(0, 100)]) {
    expect(open(key.key, aad, seal(key.key, aad, bytes))).toEqual(bytes)
    expectRefused(() => openEvent(key, event, sealRaw(event, bytes)), 'ENVELOPE_MALFORMED')
  }
})

/** The bytes as they are, under the AAD of an event. */
function sealRaw(aad: EventAad, padded: Buffer) {
  // The header begins with the AAD; what follows it is 4 + 32, 4 + 1, 4 + 8 and 4 + 32 bytes.
  const aadBytes = headerBytes(headerOf(aad)).subarray(0, -89)
  return { envelope: seal(key.key, aadBytes, padded), commitment: Buffer.alloc(32) }
}

test('a length tells no more than its bucket of 256 bytes', () => {
  const aad = fc.sample(anAad, 1)[0]!
  const lengthOf = (bytes: number) => sealEvent(key, aad, Buffer.alloc(bytes)).envelope.length
  const overhead = 1 + 12 + 16
  expect([0, 1, 220].map(lengthOf)).toEqual([256, 256, 256].map((n) => n + overhead))
  expect([221, 476, 477].map(lengthOf)).toEqual([512, 512, 768].map((n) => n + overhead))
})

test('no key and nonce ever meet twice: not in many attempts, not for the same event again', () => {
  const aad = fc.sample(anAad, 1)[0]!
  const nonces = new Set<string>()
  for (let attempt = 0; attempt < 20_000; attempt++)
    nonces.add(sealEvent(key, aad, Buffer.from('same')).envelope.subarray(1, 13).toString('hex'))
  expect(nonces.size).toBe(20_000)
})

test('equal payloads have different commitments: nothing can be guessed from one', () => {
  const aad = fc.sample(anAad, 1)[0]!
  const commitments = Array.from({ length: 100 }, () =>
    sealEvent(key, aad, Buffer.from('same')).commitment.toString('hex'),
  )
  expect(new Set(commitments).size).toBe(100)
})

test('numbers that a double cannot hold are not encoded', () => {
  const aad = fc.sample(anAad, 1)[0]!
  for (const seq of [-1, 0.5, Number.MAX_SAFE_INTEGER + 1, Number.NaN])
    expect(() => sealEvent(key, { ...aad, seq }, new Uint8Array(1))).toThrow(RangeError)
})

test('a disclosed payload is checked against the commitment; another payload or salt is not what was sealed', () => {
  const aad = fc.sample(anAad, 1)[0]!
  const sealed = sealEvent(key, aad, Buffer.from('{"model":"gpt-4o"}'))
  const { salt, payload } = discloseEvent(key, aad, sealed)
  expect(isCommitted(sealed.commitment, { salt, payload })).toBe(true)
  expect(isCommitted(sealed.commitment, { salt, payload: Buffer.from('{"model":"gpt-4O"}') })).toBe(false)
  expect(isCommitted(sealed.commitment, { salt: Buffer.alloc(32), payload })).toBe(false)
  // The border between the two cannot be moved.
  const moved = { salt: Buffer.concat([salt, payload.subarray(0, 1)]), payload: payload.subarray(1) }
  expect(isCommitted(sealed.commitment, moved)).toBe(false)
})
