import { floorLog2, nodeHash } from './merkle.ts'

const HASH_BYTES = 32

/** Whether `proof` leads from `leaf` at `index` to the `root` of the tree of `size` leaves (RFC 9162 2.1.3.2). */
export function verifyInclusion(
  { index, leaf }: { index: number; leaf: Uint8Array },
  { size, root }: { size: number; root: Uint8Array },
  proof: readonly Uint8Array[],
): boolean {
  if (!isCount(index) || !isCount(size) || index >= size || !areHashes([leaf, root, ...proof])) return false
  let [node, last] = [index, size - 1]
  let hash = leaf
  for (const sibling of proof) {
    if (last === 0) return false
    if (node % 2 === 1 || node === last) {
      hash = nodeHash(sibling, hash)
      while (node % 2 === 0 && node !== 0) [node, last] = [half(node), half(last)]
    } else hash = nodeHash(hash, sibling)
    ;[node, last] = [half(node), half(last)]
  }
  return last === 0 && equal(hash, root)
}

/** A tree at a moment: what a checkpoint says. */
export type TreeHead = { size: number; root: Uint8Array }

/** Whether `proof` shows that the tree `second` begins with all of the tree `first` (RFC 9162 2.1.4.2). */
export function verifyConsistency(first: TreeHead, second: TreeHead, proof: readonly Uint8Array[]): boolean {
  if (!isCount(first.size) || !isCount(second.size) || first.size > second.size) return false
  if (!areHashes([first.root, second.root, ...proof])) return false
  if (first.size === second.size) return proof.length === 0 && equal(first.root, second.root)
  if (first.size === 0) return proof.length === 0
  const known = isPowerOfTwo(first.size) ? [first.root, ...proof] : proof
  return known.length > 0 && leadsToBoth(first, second, known)
}

function leadsToBoth(first: TreeHead, second: TreeHead, [start, ...rest]: readonly Uint8Array[]): boolean {
  let [node, last] = [first.size - 1, second.size - 1]
  while (node % 2 === 1) [node, last] = [half(node), half(last)]
  let [older, newer] = [start!, start!]
  for (const sibling of rest) {
    if (last === 0) return false
    if (node % 2 === 1 || node === last) {
      older = nodeHash(sibling, older)
      newer = nodeHash(sibling, newer)
      while (node % 2 === 0 && node !== 0) [node, last] = [half(node), half(last)]
    } else newer = nodeHash(newer, sibling)
    ;[node, last] = [half(node), half(last)]
  }
  return last === 0 && equal(older, first.root) && equal(newer, second.root)
}

const half = (n: number) => Math.floor(n / 2)
const isCount = (n: number) => Number.isSafeInteger(n) && n >= 0
const isPowerOfTwo = (n: number) => 2 ** floorLog2(n) === n
const areHashes = (hashes: readonly Uint8Array[]) => hashes.every((h) => h.length === HASH_BYTES)
const equal = (a: Uint8Array, b: Uint8Array) => Buffer.compare(a, b) === 0
