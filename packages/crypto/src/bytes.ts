/** Length-prefixed fields: u32 big-endian length, then the bytes. Text is UTF-8; a number is 8 bytes, big-endian. */
export function lengthPrefixed(fields: readonly (string | number | Uint8Array)[]): Buffer {
  let size = 0
  for (const field of fields) size += 4 + lengthOf(field)
  const out = Buffer.allocUnsafe(size)
  let at = 0
  for (const field of fields) {
    const length = lengthOf(field)
    at = out.writeUInt32BE(length, at)
    if (typeof field === 'string') out.write(field, at, 'utf8')
    else if (typeof field === 'number') writeCount(out, field, at)
    else out.set(field, at)
    at += length
  }
  return out
}

function lengthOf(field: string | number | Uint8Array): number {
  if (typeof field === 'string') return Buffer.byteLength(field, 'utf8')
  return typeof field === 'number' ? 8 : field.length
}

function writeCount(out: Buffer, count: number, at: number): void {
  if (!Number.isSafeInteger(count) || count < 0) throw new RangeError('only whole numbers from 0 are encoded')
  out.writeUInt32BE(Math.floor(count / 2 ** 32), at)
  out.writeUInt32BE(count % 2 ** 32, at + 4)
}
