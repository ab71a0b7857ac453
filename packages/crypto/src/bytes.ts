/** Length-prefixed fields: u32 big-endian length, then the bytes. Text is UTF-8; a number is 8 bytes, big-endian. */
export function lengthPrefixed(fields: readonly (string | number | Uint8Array)[]): Buffer {
  const parts = fields.map(bytesOf)
  const out = Buffer.allocUnsafe(parts.reduce((sum, p) => sum + 4 + p.length, 0))
  let at = 0
  for (const part of parts) {
    at = out.writeUInt32BE(part.length, at)
    out.set(part, at)
    at += part.length
  }
  return out
}

function bytesOf(field: string | number | Uint8Array): Uint8Array {
  if (typeof field === 'string') return Buffer.from(field, 'utf8')
  if (typeof field !== 'number') return field
  if (!Number.isSafeInteger(field) || field < 0) throw new RangeError('only whole numbers from 0 are encoded')
  const out = Buffer.allocUnsafe(8)
  out.writeBigUInt64BE(BigInt(field))
  return out
}
