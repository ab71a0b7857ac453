import { lengthPrefixed } from './bytes.ts'
import type { DataKey } from './data-key.ts'
import { digest, digestBytes, isDigest } from './digest.ts'
import { EnvelopeError, open, randomDraw, randomNonce, seal } from './gcm.ts'
import { pad, unpad } from './padding.ts'

/** What a sealed event is bound to. `at` is unix milliseconds. docs/formats/envelope.md. */
export type EventAad = {
  accountId: string
  projectId: string
  stream: string
  seq: number
  eventId: string
  type: string
  version: number
  dekId: string
  at: number
  actor: string
}

/** All of a stored event but its envelope; the chain covers it. `n` counts the events of one command from 0. */
export type EventHeader = EventAad & { commitment: Buffer; commandId: string; n: number; commandMac: Buffer }

/** The same with texts as their UTF-8 bytes, as they come from a database: nothing is made of them but the bytes that are hashed. */
export type AsBytes<T> = {
  [K in keyof T]: T[K] extends string ? string | Uint8Array : T[K] extends number ? number : Uint8Array
}

export type SealedEvent = { envelope: Buffer; commitment: Buffer }
/** With the bytes that it is bound to: the header of the event begins with them. */
export type BoundEvent = SealedEvent & { bound: Buffer }

export const EVENT_FORMAT = 'stewrd/event/v1'
const SALT_BYTES = 32
const COMMITMENT = Buffer.of(0x03)

/** Seals `payload` under a fresh nonce and salt. Sealing again, as after a retry, gives other bytes. */
export function sealEvent(key: DataKey, aad: EventAad, payload: Uint8Array): BoundEvent {
  return sealEventWith(key, aad, payload, { nonce: randomNonce(), salt: randomDraw(SALT_BYTES) })
}

/** For vectors only: with a nonce and a salt from outside. */
export function sealEventWith(
  key: DataKey,
  aad: EventAad,
  payload: Uint8Array,
  drawn: { nonce: Uint8Array; salt: Uint8Array },
): BoundEvent {
  checkKey(key, aad)
  const bound = aadBytes(aad)
  const envelope = seal(key.key, bound, pad(drawn.salt, payload), drawn.nonce)
  return { envelope, commitment: digestBytes(commitmentOf(drawn.salt, payload)), bound }
}

/** The payload, once tag and commitment hold. Throws `EnvelopeError` before that. */
export const openEvent = (key: DataKey, aad: EventAad, sealed: SealedEvent): Buffer =>
  discloseEvent(key, aad, sealed).payload

/** What one event may be shown with: whoever has it checks the payload against the commitment, and can open no other event. */
export type Disclosure = { salt: Buffer; payload: Buffer }

/** As `openEvent`, with the salt. */
export function discloseEvent(key: DataKey, aad: EventAad, sealed: SealedEvent): Disclosure {
  checkKey(key, aad)
  return discloseBytes(key, aadBytes(aad), sealed)
}

/** As `openEvent`, with the bytes that the event is bound to, which name the key: its header up to the actor. */
export const openBytes = (key: DataKey, aad: Uint8Array, sealed: SealedEvent): Buffer =>
  discloseBytes(key, aad, sealed).payload

function discloseBytes(key: DataKey, aad: Uint8Array, { envelope, commitment }: SealedEvent): Disclosure {
  const { prefix: salt, payload } = unpad(open(key.key, aad, envelope), SALT_BYTES)
  if (!isCommitted(commitment, { salt, payload })) throw new EnvelopeError('COMMITMENT_MISMATCH')
  return { salt, payload }
}

/** Whether `commitment` is that of what is disclosed. Commitments are public: how long it takes tells nothing. */
export const isCommitted = (commitment: Uint8Array, { salt, payload }: Disclosure): boolean =>
  salt.length === SALT_BYTES && isDigest(commitmentOf(salt, payload), commitment)

/** The bytes that the chain hashes for an event's metadata. */
export const headerBytes = (header: AsBytes<EventHeader>): Buffer => headerFrom(aadBytes(header), header)

/** The same for an event whose first part is there already. */
export const headerFrom = (
  bound: Uint8Array,
  { commitment, commandId, n, commandMac }: AsBytes<Omit<EventHeader, keyof EventAad>>,
): Buffer => lengthPrefixed([commitment, commandId, n, commandMac], bound)

function aadBytes(a: AsBytes<EventAad>): Buffer {
  return lengthPrefixed([
    EVENT_FORMAT,
    a.accountId,
    a.projectId,
    a.stream,
    a.seq,
    a.eventId,
    a.type,
    a.version,
    a.dekId,
    a.at,
    a.actor,
  ])
}

const commitmentOf = (salt: Uint8Array, payload: Uint8Array) => digest(Buffer.concat([COMMITMENT, salt, payload]))

function checkKey(key: DataKey, aad: EventAad) {
  if (key.purpose !== 'event' || key.id !== aad.dekId) throw new EnvelopeError('WRONG_KEY')
}
