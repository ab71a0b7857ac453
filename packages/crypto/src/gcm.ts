import { createCipheriv, createDecipheriv, randomFillSync } from 'node:crypto'
import type { KeyObject } from 'node:crypto'

export const NONCE_BYTES = 12
export const TAG_BYTES = 16
const FORMAT = 0x01
const BLOCK_BYTES = 8192

/** What was refused, and nothing about the content. */
export class EnvelopeError extends Error {
  override readonly name = 'EnvelopeError'
  readonly code: 'ENVELOPE_MALFORMED' | 'ENVELOPE_TAMPERED' | 'COMMITMENT_MISMATCH' | 'WRONG_KEY'
  constructor(code: EnvelopeError['code']) {
    super(`a sealed value was refused (${code})`)
    this.code = code
  }
}

/** `0x01 ‖ nonce(12) ‖ ciphertext ‖ tag(16)`, AES-256-GCM under a fresh random nonce. */
export function seal(
  key: KeyObject,
  aad: Uint8Array,
  plaintext: Uint8Array,
  nonce: Uint8Array = randomNonce(),
): Buffer {
  const cipher = createCipheriv('aes-256-gcm', key, nonce, { authTagLength: TAG_BYTES })
  cipher.setAAD(aad)
  const sealed = Buffer.allocUnsafe(1 + NONCE_BYTES + plaintext.length + TAG_BYTES)
  sealed[0] = FORMAT
  sealed.set(nonce, 1)
  sealed.set(cipher.update(plaintext), 1 + NONCE_BYTES)
  // GCM has given out every byte by now.
  cipher.final()
  sealed.set(cipher.getAuthTag(), sealed.length - TAG_BYTES)
  return sealed
}

/** Opens what `seal` made. Throws before any plaintext is given out. */
export function open(key: KeyObject, aad: Uint8Array, sealed: Uint8Array): Buffer {
  if (sealed.length < 1 + NONCE_BYTES + TAG_BYTES || sealed[0] !== FORMAT) throw new EnvelopeError('ENVELOPE_MALFORMED')
  const tagAt = sealed.length - TAG_BYTES
  const decipher = createDecipheriv('aes-256-gcm', key, sealed.subarray(1, 1 + NONCE_BYTES), {
    authTagLength: TAG_BYTES,
  })
  decipher.setAAD(aad)
  decipher.setAuthTag(sealed.subarray(tagAt))
  const plaintext = decipher.update(sealed.subarray(1 + NONCE_BYTES, tagAt))
  try {
    // GCM has given out every byte by now: what is left is the check of the tag.
    decipher.final()
    return plaintext
  } catch {
    plaintext.fill(0)
    throw new EnvelopeError('ENVELOPE_TAMPERED')
  }
}

/** 12 bytes that were never used before: a new nonce for every attempt to encrypt. */
export const randomNonce = (): Buffer => randomDraw(NONCE_BYTES)

// Random bytes are drawn in blocks, because a draw costs more than an encryption; none is ever given out twice.
let block = Buffer.alloc(0)
let used = 0

/** Up to some hundred random bytes that were never given out before. */
export function randomDraw(count: number): Buffer {
  if (used + count > block.length) {
    block = randomFillSync(Buffer.allocUnsafeSlow(BLOCK_BYTES))
    used = 0
  }
  used += count
  return block.subarray(used - count, used)
}
