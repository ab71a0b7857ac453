import type { Digest } from './digest.ts'
import { digest, sha256 } from './digest.ts'

/** What the first event of a stream follows. */
export const GENESIS: Buffer = Buffer.alloc(32)

const HASH_BYTES = 32
const LINK = Buffer.of(0x02)
const link = Buffer.concat([LINK, Buffer.alloc(3 * HASH_BYTES)])

/** `SHA-256(0x02 ‖ previous ‖ SHA-256(header) ‖ SHA-256(envelope))`: over ciphertext, so it verifies without a key. */
export function chainNext(previous: Uint8Array, header: Uint8Array, envelope: Uint8Array): Buffer {
  // What is verified may have been edited.
  if (previous.length !== HASH_BYTES) return sha256(Buffer.concat([LINK, previous, sha256(header), sha256(envelope)]))
  link.set(previous, 1)
  link.write(digest(header), 1 + HASH_BYTES, 'latin1')
  link.write(digest(envelope), 1 + 2 * HASH_BYTES, 'latin1')
  return sha256(link)
}

/** The same from digests. Each has 32 characters. */
export function nextDigest(previous: Digest, header: Digest, envelope: Digest): Digest {
  link.write(previous, 1, 'latin1')
  link.write(header, 33, 'latin1')
  link.write(envelope, 65, 'latin1')
  return digest(link)
}

export type Link = { seq: number; header: Uint8Array; envelope: Uint8Array; chain: Uint8Array }

/** Checks links of one stream that follow `previous` at `seq`. Undefined when all hold, else the first seq that does not. */
export function firstBrokenLink(links: Iterable<Link>, previous: Uint8Array = GENESIS, seq = 0): number | undefined {
  let expected: Uint8Array = previous
  let at = seq
  for (const link of links) {
    at += 1
    expected = chainNext(expected, link.header, link.envelope)
    if (link.seq !== at || Buffer.compare(expected, link.chain) !== 0) return at
  }
  return undefined
}
