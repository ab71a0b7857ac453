import type { Digest } from './digest.ts'
import { digest, sha256 } from './digest.ts'

/** The hash of the perfect subtree over the leaves from `index · 2^level` to before `(index + 1) · 2^level`. */
export type NodeAt = { level: number; index: number }
export type Node = NodeAt & { hash: Buffer }
/** Point reads of stored nodes, in the order asked for. */
export type ReadNodes = (at: readonly NodeAt[]) => Promise<readonly Buffer[]>

const LEAF = Buffer.of(0x00)
const INNER = Buffer.of(0x01)
const leaf = Buffer.concat([LEAF, Buffer.alloc(32)])
const inner = Buffer.concat([INNER, Buffer.alloc(64)])

/** RFC 6962: `SHA-256(0x00 ‖ data)`. */
export const leafHash = (data: Uint8Array): Buffer => sha256(Buffer.concat([LEAF, data]))

/** RFC 6962: `SHA-256(0x01 ‖ left ‖ right)`. */
export const nodeHash = (left: Uint8Array, right: Uint8Array): Buffer => sha256(Buffer.concat([INNER, left, right]))

/** The same of an entry of the log and of two nodes, as digests. Each has 32 characters. */
export function leafDigest(data: Digest): Digest {
  leaf.write(data, 1, 'latin1')
  return digest(leaf)
}
export function nodeDigest(left: Digest, right: Digest): Digest {
  inner.write(left, 1, 'latin1')
  inner.write(right, 33, 'latin1')
  return digest(inner)
}

/** The root of the tree without leaves. */
export const emptyRoot = (): Buffer => sha256(new Uint8Array(0))

/** The perfect subtrees that the tree of `size` leaves falls into, largest first. */
export const edgeOf = (size: number): NodeAt[] => subtreesOf({ from: 0, to: size })

/** Every node that `leaves` complete when they follow a tree of `size` leaves with these `edge` hashes. Each node is made once, ever. */
export function growTree(size: number, edge: readonly Buffer[], leaves: readonly Buffer[]): Node[] {
  const open = edgeOf(size).map((at, i) => ({ ...at, hash: edge[i]! }))
  const made: Node[] = []
  for (const [i, hash] of leaves.entries()) {
    let node: Node = { level: 0, index: size + i, hash }
    made.push(node)
    for (let left = open.at(-1); left?.level === node.level; left = open.at(-1)) {
      open.pop()
      node = { level: node.level + 1, index: left.index / 2, hash: nodeHash(left.hash, node.hash) }
      made.push(node)
    }
    open.push(node)
  }
  return made
}

/** The root of the tree of the first `size` leaves, from at most log2(size) + 1 point reads. */
export async function treeRoot(read: ReadNodes, size: number): Promise<Buffer> {
  if (size === 0) return emptyRoot()
  const [root] = await hashRanges(read, [{ from: 0, to: size }])
  return root!
}

/** RFC 6962 2.1.1: what leads from leaf `index` to the root of the tree of `size` leaves. */
export async function inclusionProof(read: ReadNodes, index: number, size: number): Promise<Buffer[]> {
  checkRange(index, size)
  return hashRanges(read, inclusionPath(index, { from: 0, to: size }))
}

/** RFC 6962 2.1.2: what shows that the tree of `size` leaves begins with the tree of `first` leaves. */
export async function consistencyProof(read: ReadNodes, first: number, size: number): Promise<Buffer[]> {
  if (first === 0 || first === size) return []
  checkRange(first, size)
  return hashRanges(read, consistencyPath(first, { from: 0, to: size }, true))
}

type Range = { from: number; to: number }

function inclusionPath(index: number, { from, to }: Range): Range[] {
  if (to - from === 1) return []
  const middle = from + splitOf(to - from)
  return index < middle
    ? [...inclusionPath(index, { from, to: middle }), { from: middle, to }]
    : [...inclusionPath(index, { from: middle, to }), { from, to: middle }]
}

/** `known`: whoever checks the proof has the hash of this whole range already. */
function consistencyPath(first: number, { from, to }: Range, known: boolean): Range[] {
  if (first === to) return known ? [] : [{ from, to }]
  const middle = from + splitOf(to - from)
  return first <= middle
    ? [...consistencyPath(first, { from, to: middle }, known), { from: middle, to }]
    : [...consistencyPath(first, { from: middle, to }, false), { from, to: middle }]
}

/** One read for all the nodes that the ranges need. */
async function hashRanges(read: ReadNodes, ranges: readonly Range[]): Promise<Buffer[]> {
  const parts = ranges.map(subtreesOf)
  const hashes = await read(parts.flat())
  let at = 0
  return parts.map(({ length }) => {
    at += length
    return hashes.slice(at - length, at).reduceRight((right, left) => nodeHash(left, right))
  })
}

/** The perfect subtrees that a range of a tree falls into, in order. `from` is aligned, as every range in a tree is. */
function subtreesOf({ from, to }: Range): NodeAt[] {
  const nodes: NodeAt[] = []
  for (let at = from; at < to; ) {
    const level = floorLog2(to - at)
    nodes.push({ level, index: at / 2 ** level })
    at += 2 ** level
  }
  return nodes
}

/** The largest power of two below `count`. */
const splitOf = (count: number) => 2 ** floorLog2(count - 1)

/** Exact: the logarithm of a large number just below a power of two rounds up. */
export function floorLog2(count: number): number {
  const near = Math.floor(Math.log2(count))
  return 2 ** near > count ? near - 1 : near
}

function checkRange(index: number, size: number): void {
  if (!Number.isSafeInteger(size) || !Number.isSafeInteger(index) || index < 0 || index >= size)
    throw new RangeError(`there is no leaf ${index} in a tree of ${size}`)
}
