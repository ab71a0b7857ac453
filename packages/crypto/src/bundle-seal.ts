import type { NoteSigner } from './signed-note.ts'
import { NoteError, openNote } from './signed-note.ts'

/** What the end of a proof bundle says: how many events stand before it, and the SHA-256 of every byte before it. */
export type BundleSeal = { events: number; digest: Buffer }

// A checkpoint begins with the name of its log, which is never this: neither can be taken for the other.
const FORMAT = 'stewrd/bundle/v1'

/** The signed note at the end of a bundle: whoever made it vouches that nothing was added or left out since. docs/formats/bundle.md. */
export const signBundle = (signer: NoteSigner, { events, digest }: BundleSeal): string =>
  signer.sign(`${FORMAT}\n${events}\n${digest.toString('base64')}\n`)

/** What `note` says, once it is signed by `verifierKey`. Throws `NoteError`. */
export function openBundleSeal(note: string, verifierKey: string): BundleSeal {
  const [format, events = '', encoded = '', rest, ...more] = openNote(note, verifierKey).split('\n')
  const digest = Buffer.from(encoded, 'base64')
  const valid = format === FORMAT && /^(0|[1-9]\d{0,15})$/.test(events) && rest === '' && more.length === 0
  if (!valid || digest.length !== 32 || digest.toString('base64') !== encoded) throw new NoteError('NOTE_MALFORMED')
  return { events: Number(events), digest }
}
