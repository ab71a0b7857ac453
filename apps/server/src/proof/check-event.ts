import { chainNext, GENESIS } from '@stewrd/crypto/chain.ts'
import { headerBytes, isCommitted } from '@stewrd/crypto/envelope.ts'
import { leafData } from '@stewrd/crypto/log-leaf.ts'
import { leafHash } from '@stewrd/crypto/merkle.ts'
import type { TreeHead } from '@stewrd/crypto/merkle-verify.ts'
import { verifyInclusion } from '@stewrd/crypto/merkle-verify.ts'
import type { Event } from './format.ts'
import { headerOf, unbase64 } from './format.ts'
import { BundleRefused } from './refused.ts'

type At = { line?: number }

/** That the event stands in the tree at its place, by itself: nothing else of the bundle is looked at. Returns its chain. */
export function checkEvent(record: Event, tree: TreeHead, at: At = {}): Buffer {
  const { index, header, envelope, previous, proof, disclosed } = record.event
  const wrong = (problem: string) => new BundleRefused('EVENT_WRONG', problem, { ...at, event: nameOf(record) })
  const before = unbase64(previous)
  if (header.seq === 1 && !before.equals(GENESIS))
    throw wrong('it is the first of its stream, and something precedes it')
  const sealed = headerOf(record)
  const chain = chainNext(before, headerBytes(sealed), unbase64(envelope))
  const leaf = leafHash(leafData({ accountId: header.account_id, stream: header.stream, seq: header.seq, chain }))
  if (!verifyInclusion({ index, leaf }, tree, proof.map(unbase64)))
    throw wrong(
      `it is not what the log has at this place: header, envelope, chain before it, place or proof were changed (checkpoint of ${tree.size})`,
    )
  if (disclosed) {
    const shown = { salt: unbase64(disclosed.salt), payload: Buffer.from(disclosed.payload, 'utf8') }
    if (!isCommitted(sealed.commitment, shown))
      throw new BundleRefused('DISCLOSURE_WRONG', 'the disclosed payload is not the one that was sealed', {
        ...at,
        event: nameOf(record),
      })
  }
  return chain
}

export const nameOf = ({ event: { index, header } }: Event) => ({
  stream: header.stream,
  seq: header.seq,
  type: header.type,
  index,
})
