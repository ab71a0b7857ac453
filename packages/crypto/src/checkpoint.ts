import type { TreeHead } from './merkle-verify.ts'
import { NoteError, openNote } from './signed-note.ts'
import type { NoteSigner } from './signed-note.ts'

/** A tree head of the log `origin`, as it is signed (C2SP tlog-checkpoint). */
export type Checkpoint = TreeHead & { origin: string; root: Buffer }

/** The signed note that says: the log named as the signer has this tree head. The same head gives the same bytes. */
export const signCheckpoint = (signer: NoteSigner, { size, root }: TreeHead): string =>
  signer.sign(checkpointText({ origin: signer.name, size, root: Buffer.from(root) }))

/** The tree head in `note`, once it is signed by `verifierKey` and names that key's log. Throws `NoteError`. */
export function openCheckpoint(note: string, verifierKey: string): Checkpoint {
  const checkpoint = parseCheckpoint(openNote(note, verifierKey))
  if (!verifierKey.startsWith(`${checkpoint.origin}+`)) throw new NoteError('NOTE_MALFORMED')
  return checkpoint
}

export const checkpointText = ({ origin, size, root }: Checkpoint): string =>
  `${origin}\n${size}\n${root.toString('base64')}\n`

/** Lines after the third are extensions, which mean nothing here. */
function parseCheckpoint(text: string): Checkpoint {
  const [origin = '', size = '', encoded = ''] = text.split('\n')
  const root = Buffer.from(encoded, 'base64')
  const valid = origin !== '' && /^(0|[1-9]\d{0,15})$/.test(size) && root.length === 32
  if (!valid || root.toString('base64') !== encoded || !Number.isSafeInteger(Number(size)))
    throw new NoteError('NOTE_MALFORMED')
  return { origin, size: Number(size), root }
}
