import type { NoteSigner } from './signed-note.ts'
import { NoteError, openNote } from './signed-note.ts'

// A checkpoint and the seal of a bundle begin with other lines: none of them can be taken for another.
const FORMAT = 'stewrd/backup/v1'

/** The signed note at the end of a backup: `manifest` is the SHA-256 of its manifest, which covers all that stands before it. docs/formats/backup.md. */
export const signBackup = (signer: NoteSigner, manifest: Uint8Array): string =>
  signer.sign(`${FORMAT}\n${Buffer.from(manifest).toString('base64')}\n`)

/** Throws `NoteError` unless `note` is signed by `verifierKey` and about this manifest. */
export function checkBackupSeal(note: string, verifierKey: string, manifest: Uint8Array): void {
  const text = openNote(note, verifierKey)
  if (text !== `${FORMAT}\n${Buffer.from(manifest).toString('base64')}\n`) throw new NoteError('NOTE_MALFORMED')
}
