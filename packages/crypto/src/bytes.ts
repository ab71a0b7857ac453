/** Length-prefixed fields, after those in `first`: u32 big-endian length, then the bytes. Text is UTF-8; a number is 8 bytes, big-endian. */
export function lengthPrefixed(fields: readonly (string | number | Uint8Array)[], first: Uint8Array = NONE): Buffer {
  makeRoom(0, first.length)
  if (first.length > 0) scratch.set(first)
  let end = first.length
  for (const field of fields) end = put(field, end)
  return Buffer.from(scratch.subarray(0, end))
}

const NONE = new Uint8Array(0)
// Fields are written where there is room, and copied once their length is known: to ask each text for its length first costs as much as writing it.
let scratch = Buffer.allocUnsafeSlow(8192)
// The same bytes: a number is written to it by one instruction.
let view = new DataView(scratch.buffer)

/** Writes a field at `at`; returns its end. */
function put(field: string | number | Uint8Array, at: number): number {
  const start = at + 4
  if (typeof field === 'number') {
    makeRoom(start, 8)
    view.setUint32(at, 8)
    return writeCount(field, start)
  }
  makeRoom(start, typeof field === 'string' ? field.length * 3 : field.length)
  if (typeof field === 'string') {
    const length = scratch.write(field, start, 'utf8')
    view.setUint32(at, length)
    return start + length
  }
  view.setUint32(at, field.length)
  scratch.set(field, start)
  return start + field.length
}

function makeRoom(at: number, bytes: number): void {
  if (at + bytes <= scratch.length) return
  const larger = Buffer.allocUnsafeSlow((at + bytes) * 2)
  scratch.copy(larger)
  scratch = larger
  view = new DataView(larger.buffer)
}

function writeCount(count: number, at: number): number {
  if (!Number.isSafeInteger(count) || count < 0) throw new RangeError('only whole numbers from 0 are encoded')
  view.setUint32(at, Math.floor(count / 2 ** 32))
  view.setUint32(at + 4, count % 2 ** 32)
  return at + 8
}
