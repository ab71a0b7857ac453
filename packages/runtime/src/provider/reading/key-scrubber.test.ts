import { describe, expect, test } from 'vitest'
import { KeyScrubber } from './key-scrubber.ts'

const key = 'sk-proj-SENTINELab12CD34ef56GH78ij90KL12'
const scrubber = new KeyScrubber(key)
const chars = key.split('')
const codes = chars.map((char) => char.charCodeAt(0))
const hex = (code: number) => code.toString(16).padStart(2, '0')

const spellings: Record<string, string> = {
  'as it is': key,
  'in upper case': key.toUpperCase(),
  'turned round': chars.toReversed().join(''),
  base64: Buffer.from(key).toString('base64'),
  'base64 inside of something': Buffer.from(`{"key":"${key}"}`).toString('base64'),
  'base64 for URLs': Buffer.from(`?${key}`).toString('base64url'),
  'base64 twice': Buffer.from(Buffer.from(key).toString('base64')).toString('base64'),
  hex: Buffer.from(key).toString('hex'),
  'hex in upper case': Buffer.from(key).toString('hex').toUpperCase(),
  'for a URL, every character': codes.map((code) => `%${hex(code)}`).join(''),
  'for JSON, every character': codes.map((code) => `\\u00${hex(code)}`).join(''),
  'for HTML, every character': codes.map((code) => `&#x${hex(code)};`).join(''),
  'for HTML, in decimals': codes.map((code) => `&#${code};`).join(''),
  'as a list of codes': codes.join(', '),
  'spread out': chars.join(' '),
  'with invisible characters': chars.join('\u200b'),
  'as a list of characters': chars.join('","'),
  'cut at its end': key.slice(0, -6),
  'cut at its beginning': key.slice(10),
  'cut to twelve characters': key.slice(14, 26),
}

describe('a key', () => {
  test.each(Object.entries(spellings))(
    '%s is found and taken out, and what stands around it stays',
    (_name, spelled) => {
      const text = `Incorrect key provided: ${spelled} (see the docs)`
      expect(scrubber.finds(text)).toBe(true)
      const clean = scrubber.scrub(text)
      expect(clean).toMatch(/^Incorrect key provided: .{0,12}\[key\].{0,8} \(see the docs\)$/u)
      expect(scrubber.finds(clean)).toBe(false)
    },
  )

  test.each(Object.entries(spellings))('%s is found where it is cut over two texts', (_name, spelled) => {
    for (const at of [5, 20, spelled.length - 5].filter((place) => place < spelled.length)) {
      const [before, after] = [spelled.slice(0, at), spelled.slice(at)]
      const clean =
        (scrubber.finds(before) ? scrubber.scrub(before) : before) +
        scrubber.scrubAfter(before.slice(-scrubber.reach), after)
      expect(scrubber.finds(clean), `${at}`).toBe(false)
    }
  })

  test('is not seen in texts that only look like one', () => {
    for (const text of [
      'sk-proj-',
      'Set sk-proj-… as your key.',
      'SENTINEL',
      'a'.repeat(5000),
      Buffer.from('sk-proj-').toString('base64'),
      'The quick brown fox. '.repeat(500),
    ])
      expect(scrubber.scrub(text)).toBe(text)
  })

  test('that is a word like any other is none', () => {
    const none = new KeyScrubber('ollama')
    expect(none.scrub('Ask ollama.')).toBe('Ask ollama.')
  })

  test.each([
    'upstream-key-0001',
    'sk-or-v1-0123456789abcdef0123456789abcdef0123456789abcdef',
    'AIzaSyA-0123456789_abcdefghijklmnopqrst',
  ])('of another kind is found too: %s', (other) => {
    const scrubber = new KeyScrubber(other)
    for (const spelled of [other, Buffer.from(other).toString('base64'), other.slice(0, -4)])
      expect(scrubber.scrub(`x ${spelled} y`)).toMatch(/^x .{0,4}\[key\].{0,6} y$/)
  })

  test('that is hardly more than a character again and again is found as a whole', () => {
    const dull = new KeyScrubber('aaaaaaaabbbbccccdddd')
    expect(dull.scrub('x aaaaaaaabbbbccccdddd y')).toBe('x [key] y')
    expect(dull.scrub('a'.repeat(100))).toBe('a'.repeat(100))
  })
})
