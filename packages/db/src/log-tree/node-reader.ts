import type { NodeAt, ReadNodes } from '@stewrd/crypto/merkle.ts'
import type { Sql } from '../connect.ts'
import { readNodes } from './nodes.ts'

const KEPT = 20_000

type Batch = { wanted: Map<string, NodeAt>; found: Promise<Map<string, Buffer>> }

/**
 * `readNodes` for many proofs: those that are asked for in the same moment share a statement, and what they have in common is read
 * once. A node never changes, so what was read is kept, up to a bound.
 */
export function nodeReader(sql: Sql): ReadNodes {
  const known = new Map<string, Buffer>()
  let batch: Batch | undefined
  const gather = (): Batch => {
    const wanted = new Map<string, NodeAt>()
    const found = Promise.resolve().then(async () => {
      batch = undefined
      const hashes = await readNodes(sql, [...wanted.values()])
      const read = new Map([...wanted.keys()].map((key, i) => [key, hashes[i]!]))
      if (known.size + read.size > KEPT) known.clear()
      for (const [key, hash] of read) known.set(key, hash)
      return read
    })
    return { wanted, found }
  }
  return async (at) => {
    const keys = at.map(keyOf)
    const have = keys.map((key) => known.get(key))
    if (have.every((hash) => hash !== undefined)) return have
    batch ??= gather()
    for (const [i, key] of keys.entries()) if (!have[i]) batch.wanted.set(key, at[i]!)
    const found = await batch.found
    return keys.map((key, i) => have[i] ?? found.get(key)!)
  }
}

const keyOf = ({ level, index }: NodeAt) => `${level}/${index}`
