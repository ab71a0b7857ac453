import { hash } from 'node:crypto'

/** What the first event of a stream follows. */
export const GENESIS: Buffer = Buffer.alloc(32)

const LINK = Buffer.of(0x02)
const sha256 = (bytes: Uint8Array) => hash('sha256', bytes, 'buffer')

/** `SHA-256(0x02 ‖ previous ‖ SHA-256(header) ‖ SHA-256(envelope))`: over ciphertext, so it verifies without a key. */
export function chainNext(previous: Uint8Array, header: Uint8Array, envelope: Uint8Array): Buffer {
  return sha256(Buffer.concat([LINK, previous, sha256(header), sha256(envelope)]))
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
