import { createHash, createPrivateKey, createPublicKey, sign, verify } from 'node:crypto'
import type { KeyObject } from 'node:crypto'

/** Signs notes under a name (C2SP signed-note, Ed25519). `verifierKey` is what others need: `name+id+key`. */
export type NoteSigner = { name: string; verifierKey: string; sign(text: string): string }
/** A note, or nothing: why it was refused. */
export class NoteError extends Error {
  override readonly name = 'NoteError'
  readonly code: 'NOTE_MALFORMED' | 'NOTE_UNSIGNED' | 'NOTE_SIGNATURE_WRONG' | 'VERIFIER_KEY_MALFORMED'
  constructor(code: NoteError['code']) {
    super(`a signed note was refused (${code})`)
    this.code = code
  }
}

const ED25519 = Buffer.of(0x01)
const KEY_BYTES = 32
const MAX_SIGNATURES = 64
// DER around 32 bytes: PKCS #8 of a seed, SPKI of a public key (RFC 8410).
const SEED_DER = Buffer.from('302e020100300506032b657004220420', 'hex')
const PUBLIC_DER = Buffer.from('302a300506032b6570032100', 'hex')

/** A signer whose key is the Ed25519 key of a 32-byte seed (RFC 8032). */
export function noteSigner(name: string, seed: Uint8Array): NoteSigner {
  checkName(name)
  const key = createPrivateKey({ key: Buffer.concat([SEED_DER, seed]), format: 'der', type: 'pkcs8' })
  const publicKey = createPublicKey(key).export({ format: 'der', type: 'spki' }).subarray(PUBLIC_DER.length)
  const id = keyId(name, publicKey)
  return {
    name,
    verifierKey: `${name}+${id.toString('hex')}+${Buffer.concat([ED25519, publicKey]).toString('base64')}`,
    sign(text) {
      checkText(text)
      const signature = Buffer.concat([id, sign(null, Buffer.from(text), key)])
      return `${text}\n— ${name} ${signature.toString('base64')}\n`
    },
  }
}

/** The text of `note`, once a signature by the key `verifierKey` holds. Signatures by others are ignored. Throws `NoteError`. */
export function openNote(note: string, verifierKey: string): string {
  const verifier = parseVerifierKey(verifierKey)
  const { text, signatures } = split(note)
  const ours = signatures.filter((s) => s.name === verifier.name && s.id.equals(verifier.id))
  if (ours.length === 0) throw new NoteError('NOTE_UNSIGNED')
  const holds = ours.every(({ signature }) => verify(null, Buffer.from(text), verifier.key, signature))
  if (!holds) throw new NoteError('NOTE_SIGNATURE_WRONG')
  return text
}

type Verifier = { name: string; id: Buffer; key: KeyObject }

function parseVerifierKey(text: string): Verifier {
  const [, name = '', hex = '', encoded = ''] = /^([^+]+)\+([0-9a-f]{8})\+(.+)$/.exec(text) ?? []
  const bytes = base64(encoded)
  const publicKey = bytes?.subarray(1)
  const id = Buffer.from(hex, 'hex')
  if (
    !isName(name) ||
    bytes?.[0] !== ED25519[0] ||
    publicKey?.length !== KEY_BYTES ||
    !keyId(name, publicKey).equals(id)
  )
    throw new NoteError('VERIFIER_KEY_MALFORMED')
  const key = createPublicKey({ key: Buffer.concat([PUBLIC_DER, publicKey]), format: 'der', type: 'spki' })
  return { name, id, key }
}

type Signature = { name: string; id: Buffer; signature: Buffer }

/** The last empty line stands between the text and its signatures. */
function split(note: string): { text: string; signatures: Signature[] } {
  const end = note.lastIndexOf('\n\n')
  if (end < 0 || !note.endsWith('\n')) throw new NoteError('NOTE_MALFORMED')
  const text = note.slice(0, end + 1)
  checkText(text)
  const lines = note.slice(end + 2, -1).split('\n')
  if (lines.length > MAX_SIGNATURES) throw new NoteError('NOTE_MALFORMED')
  return { text, signatures: lines.map(signatureOf) }
}

function signatureOf(line: string): Signature {
  const [, name = '', encoded = ''] = /^— (\S+) (\S+)$/.exec(line) ?? []
  const bytes = base64(encoded)
  if (!isName(name) || !bytes || bytes.length <= 4) throw new NoteError('NOTE_MALFORMED')
  return { name, id: bytes.subarray(0, 4), signature: bytes.subarray(4) }
}

const keyId = (name: string, publicKey: Uint8Array) =>
  createHash('sha256').update(`${name}\n`).update(ED25519).update(publicKey).digest().subarray(0, 4)

const isName = (name: string) => name !== '' && !/[\s+]/u.test(name) && name.isWellFormed()

function checkName(name: string): void {
  if (!isName(name)) throw new NoteError('VERIFIER_KEY_MALFORMED')
}

function checkText(text: string): void {
  // No control characters but newlines.
  const clean = Buffer.from(text).every((byte) => byte >= 0x20 || byte === 0x0a)
  if (!text.endsWith('\n') || !text.isWellFormed() || !clean) throw new NoteError('NOTE_MALFORMED')
}

/** Strict: what Node would forgive is not base64 for others. */
function base64(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, 'base64')
  return text !== '' && bytes.toString('base64') === text ? bytes : undefined
}
