import { lengthPrefixed } from '@stewrd/crypto/bytes.ts'
import type { Digest } from '@stewrd/crypto/digest.ts'
import { digest } from '@stewrd/crypto/digest.ts'
import { LEAF_FORMAT } from '@stewrd/crypto/log-leaf.ts'
import { leafDigest } from '@stewrd/crypto/merkle.ts'
import type { StoredEvent } from '../stored-event.ts'

const format = lengthPrefixed([LEAF_FORMAT])
/** By their length; all begin with the format. */
const scratches: Buffer[] = []

/** The hash that the entry of an event must have in the log's tree: what it binds is taken from the event, each field behind its length, as it came. */
export function leafOf(event: StoredEvent): Digest {
  const [account, accountEnd] = [event.startOf(1) - 4, event.endOf(1)]
  const [stream, seqEnd] = [event.startOf(3) - 4, event.endOf(4)]
  const [chain, chainEnd] = [event.startOf(16) - 4, event.endOf(16)]
  const data = scratchOf(format.length + accountEnd - account + seqEnd - stream + chainEnd - chain)
  let at = copy(event.bytes, account, accountEnd, data, format.length)
  at = copy(event.bytes, stream, seqEnd, data, at)
  copy(event.bytes, chain, chainEnd, data, at)
  return leafDigest(digest(data))
}

/** Some tens of bytes, for which a call takes longer. Returns where they end. */
function copy(bytes: Buffer, from: number, to: number, into: Buffer, start: number): number {
  const shift = start - from
  for (let i = from; i < to; i++) into[i + shift] = bytes[i]!
  return to + shift
}

function scratchOf(length: number): Buffer {
  const known = scratches[length]
  if (known) return known
  const made = Buffer.alloc(length)
  format.copy(made)
  // Names have some hundreds of bytes at most; a longer one is no reason to keep anything.
  if (length < 4096) scratches[length] = made
  return made
}
