import { EnvelopeError } from './gcm.ts'

const BUCKET = 256

/** `prefix ‖ u32 length ‖ payload ‖ zeros`, up to a multiple of 256 bytes: a length tells nothing finer. */
export function pad(prefix: Uint8Array, payload: Uint8Array): Buffer {
  const length = prefix.length + 4 + payload.length
  const out = Buffer.allocUnsafe(Math.ceil(length / BUCKET) * BUCKET)
  out.set(prefix, 0)
  out.writeUInt32BE(payload.length, prefix.length)
  out.set(payload, prefix.length + 4)
  return out.fill(0, length)
}

/** Undoes `pad`; refuses a length or a padding that `pad` would not have made. */
export function unpad(padded: Buffer, prefixLength: number): { prefix: Buffer; payload: Buffer } {
  if (padded.length < prefixLength + 4 || padded.length % BUCKET !== 0) throw new EnvelopeError('ENVELOPE_MALFORMED')
  const end = prefixLength + 4 + padded.readUInt32BE(prefixLength)
  if (end > padded.length || padded.length - end >= BUCKET) throw new EnvelopeError('ENVELOPE_MALFORMED')
  for (let i = end; i < padded.length; i++) if (padded[i] !== 0) throw new EnvelopeError('ENVELOPE_MALFORMED')
  return { prefix: padded.subarray(0, prefixLength), payload: padded.subarray(prefixLength + 4, end) }
}
