import { expect, test } from 'vitest'
import { openBundleSeal, signBundle } from './bundle-seal.ts'
import { openCheckpoint, signCheckpoint } from './checkpoint.ts'
import { noteSigner } from './signed-note.ts'

const signer = noteSigner('stewrd/log/a', Buffer.alloc(32, 1))
const seal = { events: 3, digest: Buffer.alloc(32, 7) }

test('the seal of a bundle says how many events and which bytes', () =>
  expect(openBundleSeal(signBundle(signer, seal), signer.verifierKey)).toEqual(seal))

test('neither another key nor another text is accepted', () => {
  const other = noteSigner('stewrd/log/a', Buffer.alloc(32, 2))
  expect(() => openBundleSeal(signBundle(other, seal), signer.verifierKey)).toThrow('NOTE_UNSIGNED')
  expect(() => openBundleSeal(signBundle(signer, seal).replace('\n3\n', '\n4\n'), signer.verifierKey)).toThrow(
    'NOTE_SIGNATURE_WRONG',
  )
  for (const text of ['stewrd/bundle/v1\n03\n', 'stewrd/bundle/v2\n3\n', 'stewrd/bundle/v1\n3\n\n'])
    expect(() => openBundleSeal(signer.sign(`${text}${seal.digest.toString('base64')}\n`), signer.verifierKey)).toThrow(
      'NOTE_MALFORMED',
    )
})

test('a checkpoint is no seal, and a seal is no checkpoint', () => {
  const checkpoint = signCheckpoint(signer, { size: 3, root: seal.digest })
  expect(() => openBundleSeal(checkpoint, signer.verifierKey)).toThrow('NOTE_MALFORMED')
  expect(() => openCheckpoint(signBundle(signer, seal), signer.verifierKey)).toThrow('NOTE_MALFORMED')
})
