/** A spelling of a key, and how many characters of it in a row give the key away. */
export type KeyForm = { text: string; least: number }

/** Keys have at least so many characters; a shorter one (`none`, `ollama`) is a word like any other, and no secret. */
const LEAST_KEY = 8

/** What is public of a key: by which provider it is. */
const PUBLIC = /^(?:sk-(?:proj|svcacct|admin|or-v1|ant-[a-z]+\d+)-|[a-z]{2,6}[-_])/i

/** The spellings of a key under which it must not leave: as it is, in another case, encoded, turned round, spread out. */
export function formsOf(key: string): KeyForm[] {
  if (key.length < LEAST_KEY) return []
  const given = PUBLIC.exec(key)?.[0].length ?? 0
  const least = Math.min(
    key.length,
    Math.max(given + 4, Math.min(12, Math.max(LEAST_KEY, Math.floor(key.length * 0.6)))),
  )
  const forms = new Map<string, KeyForm>()
  for (const text of spellings(key)) {
    const ratio = text.length / key.length
    forms.set(text, { text, least: Math.min(text.length, Math.ceil(least * ratio)) })
  }
  return [...forms.values()]
}

function* spellings(key: string): Generator<string> {
  yield* [key, charsOf(key).toReversed().join(''), key.toLowerCase(), key.toUpperCase(), rot13(key)]
  const bytes = Buffer.from(key)
  const hex = bytes.toString('hex')
  yield* [hex, hex.toUpperCase(), pairs(hex, ' '), pairs(hex, ':')]
  yield* base64s(bytes)
  yield* base64s(Buffer.from(bytes.toString('base64')))
  yield base32(bytes)
  yield encodeURIComponent(key)
  yield* each(key, (code) => `%${hexOf(code)}`)
  yield* each(key, (code) => `\\x${hexOf(code)}`)
  yield* each(key, (code) => `\\u00${hexOf(code)}`)
  yield* each(key, (code) => `&#x${hexOf(code)};`)
  const codes = charsOf(key).map((char) => char.charCodeAt(0))
  yield codes.map((code) => `&#${code};`).join('')
  for (const separator of [' ', ', ', ',']) yield codes.join(separator)
  for (const separator of SEPARATORS) yield charsOf(key).join(separator)
}

const SEPARATORS = [' ', '-', '.', '_', ',', '\n', '\u200b', '\u00ad', '","', '", "', '*']

/** Keys are ASCII. */
const charsOf = (text: string) => text.split('')

/** Both cases of the digits. */
const each = (text: string, spell: (code: number) => string) => {
  const spelled = charsOf(text)
    .map((char) => spell(char.charCodeAt(0)))
    .join('')
  return [spelled, spelled.replace(/[0-9A-F]{2}(?=;|[%\\&]|$)/g, (digits) => digits.toLowerCase())]
}
const hexOf = (code: number) => code.toString(16).toUpperCase().padStart(2, '0')
const pairs = (hex: string, separator: string) => hex.match(/../g)!.join(separator)
const rot13 = (text: string) =>
  text.replace(/[a-z]/gi, (char) => {
    const from = char <= 'Z' ? 65 : 97
    return String.fromCharCode(((char.charCodeAt(0) - from + 13) % 26) + from)
  })

/** The characters that the bytes alone decide, wherever they stand in what was encoded. */
function* base64s(bytes: Buffer): Generator<string> {
  for (const before of [0, 1, 2]) {
    const all = Buffer.concat([Buffer.alloc(before), bytes])
    const cut = all.subarray(0, all.length - (all.length % 3))
    const text = cut.toString('base64').slice(before === 0 ? 0 : before + 1)
    yield text
    yield text.replaceAll('+', '-').replaceAll('/', '_')
  }
}

const BASE32 = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'
function base32(bytes: Buffer): string {
  let text = ''
  let bits = 0
  let value = 0
  for (const byte of bytes) {
    value = ((value << 8) | byte) & 0xffff
    for (bits += 8; bits >= 5; bits -= 5) text += BASE32[(value >>> (bits - 5)) & 31]
  }
  return text
}
