/** Length-prefixed fields: u32 big-endian length, then the bytes. Text is UTF-8; a number is 8 bytes, big-endian. */
export function lengthPrefixed(fields: readonly (string | number | Uint8Array)[]): Buffer {
  let end = 0
  for (const field of fields) end = put(field, end)
  return Buffer.from(scratch.subarray(0, end))
}

// Fields are written where there is room, and copied once their length is known: to ask each text for its length first costs as much as writing it.
let scratch = Buffer.allocUnsafeSlow(8192)

/** Writes a field at `at`; returns its end. */
function put(field: string | number | Uint8Array, at: number): number {
  const start = at + 4
  if (typeof field === 'number') {
    makeRoom(start, 8)
    scratch.writeUInt32BE(8, at)
    return writeCount(field, start)
  }
  makeRoom(start, typeof field === 'string' ? field.length * 3 : field.length)
  if (typeof field === 'string') {
    const length = scratch.write(field, start, 'utf8')
    scratch.writeUInt32BE(length, at)
    return start + length
  }
  scratch.writeUInt32BE(field.length, at)
  scratch.set(field, start)
  return start + field.length
}

function makeRoom(at: number, bytes: number): void {
  if (at + bytes <= scratch.length) return
  const larger = Buffer.allocUnsafeSlow((at + bytes) * 2)
  scratch.copy(larger)
  scratch = larger
}

function writeCount(count: number, at: number): number {
  if (!Number.isSafeInteger(count) || count < 0) throw new RangeError('only whole numbers from 0 are encoded')
  scratch.writeUInt32BE(Math.floor(count / 2 ** 32), at)
  return scratch.writeUInt32BE(count % 2 ** 32, at + 4)
}
