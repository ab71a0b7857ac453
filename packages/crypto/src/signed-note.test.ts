import { generateKeyPairSync } from 'node:crypto'
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { checkpointText, openCheckpoint, signCheckpoint } from './checkpoint.ts'
import { NoteError, noteSigner, openNote } from './signed-note.ts'

type Known = {
  withKeys: { signerKey: string; verifierKey: string; text: string; note: string }
  withoutKeys: { note: string; name: string; text: string }[]
}
const known = JSON.parse(
  readFileSync(new URL('../../../testdata/log/signed-note.json', import.meta.url), 'utf8'),
) as Known
const { signerKey, verifierKey, text, note } = known.withKeys
// `PRIVATE+KEY+name+id+key`, where the key is the algorithm's byte and the seed.
const seed = Buffer.from(signerKey.split('+').slice(4).join('+'), 'base64').subarray(1)
const signer = noteSigner('PeterNeumann', seed)
const refusal = (work: () => unknown) => {
  try {
    work()
  } catch (error) {
    if (error instanceof NoteError) return error.code
    throw error
  }
  return undefined
}

test('the example of the reference implementation, byte for byte', () => {
  expect(signer.verifierKey).toBe(verifierKey)
  expect(signer.sign(text)).toBe(note)
  expect(openNote(note, verifierKey)).toBe(text)
})

test.each(known.withoutKeys)('the example by $name is a note, by somebody else', ({ note: theirs }) => {
  expect(refusal(() => openNote(theirs, verifierKey))).toBe('NOTE_UNSIGNED')
})

test("with our signature under the example's text, it opens beside the other one", () => {
  for (const { note: theirs, text: said } of known.withoutKeys) {
    const ours = signer.sign(said).slice(said.length + 1)
    expect(openNote(theirs + ours, verifierKey)).toBe(said)
  }
})

test('every changed bit of a note is found', () =>
  fc.assert(
    fc.property(fc.nat(Buffer.byteLength(note) * 8 - 1), (bit) => {
      const bytes = Buffer.from(note)
      bytes[bit >> 3]! ^= 1 << (bit & 7)
      expect(refusal(() => openNote(bytes.toString('utf8'), verifierKey))).toBeDefined()
    }),
    { numRuns: 1000 },
  ))

test('what is no note is refused for what it is', () => {
  for (const bad of [
    '',
    '\n',
    'text',
    'text\n',
    'text\n\n',
    'text\n\n— x\n',
    `${note}\n`,
    note.slice(0, -1),
    `\r${note}`,
  ])
    expect(refusal(() => openNote(bad, verifierKey))).toBe('NOTE_MALFORMED')
})

test('a verifier key with another name, id or algorithm is refused', () => {
  const [name, id, ...key] = verifierKey.split('+')
  const other = Buffer.from(key.join('+'), 'base64')
  other[0] = 0x02
  for (const bad of ['', 'x', `Peter+${id}+${key.join('+')}`, `${name}+00000000+${key.join('+')}`])
    expect(refusal(() => openNote(note, bad))).toBe('VERIFIER_KEY_MALFORMED')
  expect(refusal(() => openNote(note, `${name}+${id}+${other.toString('base64')}`))).toBe('VERIFIER_KEY_MALFORMED')
  expect(refusal(() => noteSigner('with space', seed))).toBe('VERIFIER_KEY_MALFORMED')
})

test('a checkpoint says what was signed, and is the same each time', () => {
  const head = { size: 20852163, root: Buffer.from('CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=', 'base64') }
  expect(checkpointText({ origin: 'example.com/behind-the-sofa', ...head })).toBe(known.withoutKeys[1]!.text)
  const signed = signCheckpoint(signer, head)
  expect(signCheckpoint(signer, head)).toBe(signed)
  expect(openCheckpoint(signed, verifierKey)).toEqual({ origin: 'PeterNeumann', ...head })
})

test('a note that is no checkpoint of its signer is refused', () => {
  const root = Buffer.alloc(32).toString('base64')
  const sizes = ['-1', '01', '1e3', ' 1', '', '9007199254740993']
  const texts = [
    ...sizes.map((size) => `PeterNeumann\n${size}\n${root}\n`),
    `other\n1\n${root}\n`,
    'PeterNeumann\n1\nAA==\n',
  ]
  for (const bad of texts) expect(refusal(() => openCheckpoint(signer.sign(bad), verifierKey))).toBe('NOTE_MALFORMED')
})

test('a checkpoint by another key of the same name is not ours', () => {
  const other = generateKeyPairSync('ed25519').privateKey.export({ format: 'der', type: 'pkcs8' }).subarray(-32)
  const theirs = signCheckpoint(noteSigner('PeterNeumann', other), { size: 1, root: Buffer.alloc(32) })
  expect(refusal(() => openCheckpoint(theirs, verifierKey))).toBe('NOTE_UNSIGNED')
})
