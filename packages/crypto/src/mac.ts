import { createSecretKey, hkdfSync } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import type { DataKey } from './data-key.ts'
import { digest, sha256 } from './digest.ts'
import { EnvelopeError } from './gcm.ts'
import type { Secret } from './secret.ts'

/** A key of its own for each use, out of the deployment's data key (HKDF-SHA-256 with the label as info). */
export function deriveKey(root: DataKey, label: string): KeyObject {
  if (root.purpose !== 'deployment') throw new EnvelopeError('WRONG_KEY')
  return createSecretKey(Buffer.from(hkdfSync('sha256', root.key, '', `stewrd/${label}/v1`, 32)))
}

/** `fp_` and 16 hex digits: equal keys can be recognised, nothing can be guessed without the deployment's key. */
export const fingerprint = (key: KeyObject, secret: Secret): string =>
  `fp_${mac(key, 'fingerprint', secret.reveal()).toString('hex', 0, 8)}`

/** 32 bytes that say whether two commands are the same. */
export const commandMac = (key: KeyObject, command: string | Uint8Array): Buffer => mac(key, 'command', command)

/** 32 bytes under which a project's API key is stored and looked up. */
export const apiKeyHash = (key: KeyObject, apiKey: Secret): Buffer => mac(key, 'api-key', apiKey.reveal())

/** 32 bytes that say whether two requests under one idempotency key are the same, or which run such a key stands for. */
export const idempotencyMac = (key: KeyObject, what: 'request' | 'run', data: string): Buffer =>
  mac(key, `idempotency-${what}`, data)

const mac = (key: KeyObject, domain: string, data: string | Uint8Array) =>
  hmacSha256(key, typeof data === 'string' ? `stewrd/${domain}/v1\0${data}` : Buffer.concat([label(domain), data]))

const label = (domain: string) => Buffer.from(`stewrd/${domain}/v1\0`, 'utf8')

const BLOCK_BYTES = 64
type Pads = { inner: Buffer; outer: Buffer }
const padsOf = new WeakMap<KeyObject, Pads>()

/** RFC 2104, out of two hashes: every command takes one, and an `Hmac` of Node takes three times as long. */
export function hmacSha256(key: KeyObject, data: string | Uint8Array): Buffer {
  let pads = padsOf.get(key)
  if (!pads) padsOf.set(key, (pads = makePads(key)))
  const { inner, outer } = pads
  const bytes = typeof data === 'string' ? Buffer.from(data, 'utf8') : data
  outer.write(digest(Buffer.concat([inner, bytes])), BLOCK_BYTES, 'latin1')
  return sha256(outer)
}

function makePads(key: KeyObject): Pads {
  const secret = key.export()
  const block = Buffer.alloc(BLOCK_BYTES)
  block.set(secret.length > BLOCK_BYTES ? sha256(secret) : secret)
  secret.fill(0)
  const padded = (byte: number, size: number) => {
    const pad = Buffer.alloc(size)
    for (const [i, one] of block.entries()) pad[i] = one ^ byte
    return pad
  }
  const pads = { inner: padded(0x36, BLOCK_BYTES), outer: padded(0x5c, BLOCK_BYTES + 32) }
  block.fill(0)
  return pads
}
