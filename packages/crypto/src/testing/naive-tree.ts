import { emptyRoot, leafHash, nodeHash } from '../merkle.ts'
import type { Node, NodeAt, ReadNodes } from '../merkle.ts'

/** MTH of RFC 6962 2.1, word for word and nothing stored: what the stored tree is compared with. */
export function naiveRoot(leaves: readonly Buffer[]): Buffer {
  if (leaves.length === 0) return emptyRoot()
  if (leaves.length === 1) return leafHash(leaves[0]!)
  const k = splitOf(leaves.length)
  return nodeHash(naiveRoot(leaves.slice(0, k)), naiveRoot(leaves.slice(k)))
}

/** PATH(m, D[n]) of RFC 6962 2.1.1. */
export function naiveInclusion(m: number, leaves: readonly Buffer[]): Buffer[] {
  if (leaves.length === 1) return []
  const k = splitOf(leaves.length)
  const [left, right] = [leaves.slice(0, k), leaves.slice(k)]
  return m < k ? [...naiveInclusion(m, left), naiveRoot(right)] : [...naiveInclusion(m - k, right), naiveRoot(left)]
}

/** SUBPROOF(m, D[n], b) of RFC 6962 2.1.2. */
export function naiveConsistency(m: number, leaves: readonly Buffer[], b = true): Buffer[] {
  if (m === leaves.length) return b ? [] : [naiveRoot(leaves)]
  const k = splitOf(leaves.length)
  const [left, right] = [leaves.slice(0, k), leaves.slice(k)]
  return m <= k
    ? [...naiveConsistency(m, left, b), naiveRoot(right)]
    : [...naiveConsistency(m - k, right, false), naiveRoot(left)]
}

function splitOf(n: number): number {
  let k = 1
  while (k * 2 < n) k *= 2
  return k
}

/** Nodes in memory, in place of a table; counts what is read. */
export function storeOf(nodes: readonly Node[]): { read: ReadNodes; reads: () => number } {
  const stored = new Map(nodes.map((node) => [keyOf(node), node.hash]))
  let reads = 0
  return {
    read: async (at) => {
      reads += at.length
      return at.map((node) => {
        const hash = stored.get(keyOf(node))
        if (!hash) throw new Error(`no node at ${keyOf(node)}`)
        return hash
      })
    },
    reads: () => reads,
  }
}

const keyOf = ({ level, index }: NodeAt) => `${level}/${index}`
