import { randomInt } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { Secret } from './secret.ts'

const PREFIX = 'sk-stw_'
const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const SHAPE = /^sk-stw_[0-9A-Za-z]{36}$/

/** `sk-stw_`, 30 random base62 characters (178 bits), 6 of CRC-32 over what stands before them. */
export function newApiKey(): Secret {
  const body = PREFIX + Array.from({ length: 30 }, () => ALPHABET[randomInt(62)]).join('')
  return new Secret(body + checksum(body))
}

/** Form and checksum, without a look-up: most wrong keys are typing errors. */
export const apiKeyLooksValid = (text: string): boolean =>
  SHAPE.test(text) && checksum(text.slice(0, -6)) === text.slice(-6)

function checksum(body: string): string {
  let rest = crc32(body)
  let out = ''
  for (let i = 0; i < 6; i++) {
    out = ALPHABET[rest % 62] + out
    rest = Math.floor(rest / 62)
  }
  return out
}
