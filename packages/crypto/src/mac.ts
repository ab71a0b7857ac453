import { createHmac, createSecretKey, hkdfSync } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import type { DataKey } from './data-key.ts'
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
  createHmac('sha256', key).update(`stewrd/${domain}/v1\0`).update(data).digest()
