import { expect, test } from 'vitest'
import { checkBackupSeal, signBackup } from './backup-seal.ts'
import { openBundleSeal, signBundle } from './bundle-seal.ts'
import { signCheckpoint } from './checkpoint.ts'
import { noteSigner } from './signed-note.ts'

const signer = noteSigner('stewrd/log/a', Buffer.alloc(32, 1))
const manifest = Buffer.alloc(32, 7)

test('the seal of a backup is about one manifest', () => {
  const note = signBackup(signer, manifest)
  expect(() => checkBackupSeal(note, signer.verifierKey, manifest)).not.toThrow()
  expect(() => checkBackupSeal(note, signer.verifierKey, Buffer.alloc(32, 8))).toThrow('NOTE_MALFORMED')
})

test('it has the bytes of the vector in docs/formats/backup.md', () => {
  expect(signer.verifierKey).toBe('stewrd/log/a+c18f1d0a+AYqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c')
  expect(signBackup(signer, manifest)).toBe(
    'stewrd/backup/v1\nBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=\n\n— stewrd/log/a wY8dCnaX1lX02O+U1yMjgTKCLZhwDqwslubAeVbRHZIBU2S0Gr01+beRaMiEuvYMBeQLdAzcOM7nGTWIE0gzoN24nQc=\n',
  )
})

test('neither another key nor another text is accepted', () => {
  const other = noteSigner('stewrd/log/a', Buffer.alloc(32, 2))
  expect(() => checkBackupSeal(signBackup(other, manifest), signer.verifierKey, manifest)).toThrow('NOTE_UNSIGNED')
  const changed = signBackup(signer, manifest).replace('/v1', '/v2')
  expect(() => checkBackupSeal(changed, signer.verifierKey, manifest)).toThrow('NOTE_SIGNATURE_WRONG')
})

test('what the same key signs elsewhere is no seal of a backup, and the other way round', () => {
  const seals = [
    signBundle(signer, { events: 3, digest: manifest }),
    signCheckpoint(signer, { size: 3, root: manifest }),
  ]
  for (const note of seals) expect(() => checkBackupSeal(note, signer.verifierKey, manifest)).toThrow('NOTE_MALFORMED')
  expect(() => openBundleSeal(signBackup(signer, manifest), signer.verifierKey)).toThrow('NOTE_MALFORMED')
})
