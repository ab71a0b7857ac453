import { z } from 'zod'

export const Uuid = z.uuid()

const hexOf = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'))

/** UUIDv7 (RFC 9562) of `unixMs` and 10 random bytes, both given by the caller: core has no clock and no randomness. */
export function uuidv7(unixMs: number, random: Uint8Array): string {
  if (random.length < 10) throw new RangeError('uuidv7 needs 10 random bytes')
  const [high, low] = [Math.floor(unixMs / 2 ** 32), unixMs >>> 0]
  const at = (i: number) => hexOf[random[i]!]!
  const time = `${byteOf(high, 8)}${byteOf(high, 0)}${byteOf(low, 24)}${byteOf(low, 16)}-${byteOf(low, 8)}${byteOf(low, 0)}`
  const version = `${hexOf[0x70 | (random[0]! & 0x0f)]}${at(1)}`
  const variant = `${hexOf[0x80 | (random[2]! & 0x3f)]}${at(3)}`
  return `${time}-${version}-${variant}-${at(4)}${at(5)}${at(6)}${at(7)}${at(8)}${at(9)}`
}

const byteOf = (word: number, shift: number) => hexOf[(word >>> shift) & 0xff]!
