import { lengthPrefixed } from './bytes.ts'
import type { DataKey } from './data-key.ts'
import { EnvelopeError, NONCE_BYTES, open, seal, TAG_BYTES } from './gcm.ts'

/** What every chunk of a stored file is bound to, besides its place and whether it is the last. docs/formats/file.md. */
export type FileAad = { accountId: string; projectId: string; fileId: string; dekId: string }

/** Bytes of a file in one chunk; the last one has fewer, or as many. */
export const CHUNK_BYTES = 64 * 1024
/** A sealed chunk is so much longer. */
export const CHUNK_OVERHEAD = 1 + NONCE_BYTES + TAG_BYTES
const FORMAT = 'stewrd/file/v1'

/** Chunks of a file of `bytes`; an empty file has one. */
export const chunksOf = (bytes: number): number => Math.max(1, Math.ceil(bytes / CHUNK_BYTES))

/** The file's content in sealed chunks, as it comes. A change of order, a cut or a doubled end is refused when they are opened. */
export async function* sealChunks(
  key: DataKey,
  aad: FileAad,
  content: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
): AsyncGenerator<Buffer, void> {
  checkKey(key, aad)
  let index = 0
  let held: Buffer[] = []
  let size = 0
  for await (const part of content) {
    held.push(Buffer.from(part.buffer, part.byteOffset, part.byteLength))
    size += part.byteLength
    // A full chunk waits for what comes after it: only then it is known not to be the last.
    while (size > CHUNK_BYTES) {
      const all = held.length === 1 ? held[0]! : Buffer.concat(held)
      yield seal(key.key, aadBytes(aad, index++, false), all.subarray(0, CHUNK_BYTES))
      held = [all.subarray(CHUNK_BYTES)]
      size -= CHUNK_BYTES
    }
  }
  yield seal(key.key, aadBytes(aad, index, true), Buffer.concat(held))
}

/** The content of one sealed chunk. Throws `EnvelopeError` when it is not the chunk of this place, of this file. */
export function openChunk(
  key: DataKey,
  aad: FileAad,
  sealed: Uint8Array,
  { index, last }: { index: number; last: boolean },
): Buffer {
  checkKey(key, aad)
  return open(key.key, aadBytes(aad, index, last), sealed)
}

const aadBytes = (a: FileAad, index: number, last: boolean) =>
  lengthPrefixed([FORMAT, a.accountId, a.projectId, a.fileId, a.dekId, index, last ? 1 : 0])

function checkKey(key: DataKey, aad: FileAad) {
  if (key.purpose !== 'event' || key.id !== aad.dekId) throw new EnvelopeError('WRONG_KEY')
}
