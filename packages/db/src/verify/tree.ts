import type { Digest } from '@stewrd/crypto/digest.ts'
import { digestBytes } from '@stewrd/crypto/digest.ts'
import { emptyRoot, floorLog2, nodeDigest, nodeHash } from '@stewrd/crypto/merkle.ts'
import type { Tx } from '../connect.ts'
import { copyRows, int8 } from '../copy-binary.ts'
import type { Field } from '../copy-binary.ts'
import type { Findings } from './findings.ts'
import { nameOf } from './findings.ts'
import type { Row } from './rows.ts'
import { NodesDigest } from './tree-nodes.ts'

/** The tree over the leaves so far, of which only the right edge is kept: memory grows with its height. */
export class ComputedTree {
  /** By level; those that a level has no open one on are of before. */
  readonly #edge: Digest[] = []
  readonly #levels: NodesDigest[] = []
  size = 0
  /** An entry differs from the stored tree, or is missing, and that was found: no root after it can be what was signed. */
  explained = false

  add(leaf: Digest): void {
    let [level, hash] = [0, leaf]
    this.#made(level, hash)
    for (let open = this.size; open % 2 === 1; open = Math.floor(open / 2)) {
      hash = nodeDigest(this.#edge[level]!, hash)
      level += 1
      this.#made(level, hash)
    }
    this.#edge[level] = hash
    this.size += 1
  }

  root(): Buffer {
    if (this.size === 0) return emptyRoot()
    const open = this.#edge.filter((_, level) => Math.floor(this.size / 2 ** level) % 2 === 1)
    return digestBytes(open.reduce((right, left) => nodeDigest(left, right)))
  }

  /** Of all hashes of each level. Ends it. */
  digests(): Digest[] {
    if (this.size === 0) return [new NodesDigest().digest()]
    return this.#levels.map((level) => level.digest())
  }

  #made(level: number, hash: Digest): void {
    const nodes = (this.#levels[level] ??= new NodesDigest())
    nodes.add(hash)
  }
}

/** Adds an entry of the log, once its stored hash is that of its event. */
export function addLeaf(tree: ComputedTree, row: Row, hashed: number, findings: Findings): void {
  if (row.index! >= hashed) return
  const { sealed, leaf } = row
  const computed = sealed && row.leafHash(sealed.chain)
  if (!leaf) findings.add('TREE_WRONG', `The log's tree lacks the hash of ${nameOf(row.place)}.`, { event: row.place })
  else if (computed && !computed.equals(leaf)) {
    const message = `The log's tree holds another hash for ${nameOf(row.place)} than the event has.`
    findings.add('TREE_WRONG', message, { event: row.place })
    tree.explained = true
  }
  const known = computed ?? leaf
  if (known) tree.add(known.toString('latin1'))
  else tree.explained = true
}

/** How many hashes a tree of `size` entries stores. */
export function nodesOf(size: number): number {
  let count = 0
  for (let at = size; at >= 1; at = Math.floor(at / 2)) count += at
  return count
}

/** Checks that every inner hash follows from the two below it, that none is missing, and that there are no others. */
export async function checkInnerNodes(
  tx: Tx,
  size: number,
  findings: Findings,
  onRows: (count: number) => void,
): Promise<void> {
  const seen = new Map<number, number>()
  const query = `
    select p.level::bigint, p.idx, p.hash, l.hash, r.hash from tree_nodes p
    left join tree_nodes l on l.level = p.level - 1 and l.idx = 2 * p.idx and p.level > 0
    left join tree_nodes r on r.level = p.level - 1 and r.idx = 2 * p.idx + 1 and p.level > 0
    order by p.level, p.idx`
  for await (const rows of copyRows(tx, query)) {
    for (const row of rows) checkNode(row, size, seen, findings)
    onRows(rows.length)
  }
  for (let level = 0; 2 ** level <= size; level++) {
    const [expected, found] = [Math.floor(size / 2 ** level), seen.get(level) ?? 0]
    if (found < expected) missing(level, found, findings)
  }
}

function checkNode(
  [levelBytes, idxBytes, hash, left = null, right = null]: Field[],
  size: number,
  seen: Map<number, number>,
  findings: Findings,
): void {
  const [level, idx] = [int8(levelBytes!), int8(idxBytes!)]
  const next = seen.get(level) ?? 0
  if (idx > next && (next + 1) * 2 ** level <= size) missing(level, next, findings)
  seen.set(level, idx + 1)
  if (level > floorLog2(size || 1) || (idx + 1) * 2 ** level > size)
    return findings.add(
      'TREE_WRONG',
      `The log's tree has a hash at level ${level}, place ${idx}, which a tree of ${size} entries has not.`,
      { index: idx * 2 ** level },
    )
  if (level === 0 || !left || !right || nodeHash(left, right).equals(hash!)) return
  findings.add(
    'TREE_WRONG',
    `The log's tree holds another hash at level ${level}, place ${idx} (entries ${idx * 2 ** level} to ${(idx + 1) * 2 ** level - 1}) than the two below it give.`,
    { index: idx * 2 ** level },
  )
}

const missing = (level: number, idx: number, findings: Findings) =>
  findings.add('TREE_WRONG', `The log's tree lacks the hash at level ${level}, place ${idx}.`, {
    index: idx * 2 ** level,
  })
