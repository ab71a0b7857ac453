import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { openCheckpoint } from './checkpoint.ts'
import {
  consistencyProof,
  edgeOf,
  emptyRoot,
  floorLog2,
  growTree,
  inclusionProof,
  leafHash,
  treeRoot,
} from './merkle.ts'
import type { Node } from './merkle.ts'
import { verifyConsistency, verifyInclusion } from './merkle-verify.ts'
import { naiveConsistency, naiveInclusion, naiveRoot, storeOf } from './testing/naive-tree.ts'
import { parseTile, tileNodes } from './tile.ts'

type Proof = { index: number; size: number; proof: string[] }
const vectors = (name: string): unknown =>
  JSON.parse(readFileSync(new URL(`../../../testdata/log/${name}.json`, import.meta.url), 'utf8'))
const hexes = (hashes: readonly Buffer[]) => hashes.map((h) => h.toString('hex'))
const bytes = (hex: string) => Buffer.from(hex, 'hex')

const MOST = 300
const entries = Array.from({ length: MOST }, (_, i) => Buffer.from(`entry ${i}`))
const grown = (data: readonly Buffer[]) => growTree(0, [], data.map(leafHash))
const stored = storeOf(grown(entries))
const roots = Array.from({ length: MOST + 1 }, (_, size) => naiveRoot(entries.slice(0, size)))

test('the vectors of RFC 6962', async () => {
  type Known = { leaves: string[]; emptyRoot: string; roots: string[]; inclusion: Proof[]; consistency: Proof[] }
  const known = vectors('rfc6962') as Known
  const leaves = known.leaves.map(bytes)
  const { read } = storeOf(grown(leaves))
  expect(emptyRoot().toString('hex')).toBe(known.emptyRoot)
  for (const [i, root] of known.roots.entries()) expect((await treeRoot(read, i + 1)).toString('hex')).toBe(root)
  for (const { index, size, proof } of known.inclusion) {
    expect(hexes(await inclusionProof(read, index, size))).toEqual(proof)
    const head = { size, root: bytes(known.roots[size - 1]!) }
    expect(verifyInclusion({ index, leaf: leafHash(leaves[index]!) }, head, proof.map(bytes))).toBe(true)
  }
  for (const { index, size, proof } of known.consistency) {
    expect(hexes(await consistencyProof(read, index, size))).toEqual(proof)
    const [a, b] = [index, size].map((n) => ({ size: n, root: bytes(known.roots[n - 1]!) }))
    expect(verifyConsistency(a!, b!, proof.map(bytes))).toBe(true)
  }
})

test("70,000 entries give the roots, proofs, tiles and checkpoint of Go's tlog and note", async () => {
  type Golden = {
    roots: Record<string, string>
    inclusion: Proof[]
    consistency: Proof[]
    tiles: { path: string; sha256: string }[]
    checkpoint: string
  }
  const golden = vectors('golden') as Golden
  const leaves = Array.from({ length: 70_000 }, (_, i) => {
    const entry = Buffer.alloc(8)
    entry.writeBigUInt64BE(BigInt(i))
    return leafHash(entry)
  })
  const { read } = storeOf(growTree(0, [], leaves))
  for (const [size, root] of Object.entries(golden.roots))
    expect((await treeRoot(read, Number(size))).toString('hex')).toBe(root)
  for (const { index, size, proof } of golden.inclusion)
    expect(hexes(await inclusionProof(read, index, size))).toEqual(proof)
  for (const { index, size, proof } of golden.consistency)
    expect(hexes(await consistencyProof(read, index, size))).toEqual(proof)
  expect(golden.tiles.length).toBeGreaterThan(8)
  for (const { path, sha256 } of golden.tiles) {
    const { level, ...tile } = parseTile(path.replace(/^tile\//, ''))!
    const data = Buffer.concat(await read(tileNodes({ ...tile, level: level as number })))
    expect(createHash('sha256').update(data).digest('hex')).toBe(sha256)
  }
  const key = (vectors('signed-note') as { withKeys: { verifierKey: string } }).withKeys.verifierKey
  const { size, root } = openCheckpoint(golden.checkpoint, key)
  expect(root.toString('hex')).toBe(golden.roots[String(size)])
})

test('for every size up to 300: every root and every proof is that of the naive tree, and is accepted', async () => {
  const wrong: string[] = []
  for (let size = 1; size <= MOST; size++) {
    const data = entries.slice(0, size)
    const head = { size, root: roots[size]! }
    if (!(await treeRoot(stored.read, size)).equals(head.root)) wrong.push(`root of ${size}`)
    // Naive proofs cost the square: all of small trees, some of each large one. Acceptance is checked for all.
    const compared = (n: number) => size <= 70 || n % 97 === size % 97
    for (let n = 0; n < size; n++) {
      const proof = await inclusionProof(stored.read, n, size)
      if (!verifyInclusion({ index: n, leaf: leafHash(entries[n]!) }, head, proof)) wrong.push(`${n} in ${size}`)
      if (compared(n) && !same(proof, naiveInclusion(n, data))) wrong.push(`path of ${n} in ${size}`)
    }
    for (let n = 1; n <= size; n++) {
      const proof = await consistencyProof(stored.read, n, size)
      if (!verifyConsistency({ size: n, root: roots[n]! }, head, proof)) wrong.push(`${n} starts ${size}`)
      if (compared(n) && !same(proof, naiveConsistency(n, data))) wrong.push(`path from ${n} to ${size}`)
    }
  }
  expect(wrong).toEqual([])
})

const same = (a: readonly Buffer[], b: readonly Buffer[]) => Buffer.concat(a).equals(Buffer.concat(b))

test('a tree that grows in steps of any size stores the same nodes, each once', () =>
  fc.assert(
    fc.property(fc.array(fc.nat(40), { maxLength: 20 }), (steps) => {
      const hashes = entries.map(leafHash)
      const nodes: Node[] = []
      let size = 0
      for (const step of steps) {
        const leaves = hashes.slice(size, size + step)
        const edge = edgeOf(size).map((at) => nodes.find((n) => n.level === at.level && n.index === at.index)!.hash)
        nodes.push(...growTree(size, edge, leaves))
        size += leaves.length
      }
      const name = (n: Node) => `${n.level}/${n.index}/${n.hash.toString('hex')}`
      expect(nodes.map(name).sort()).toEqual(grown(entries.slice(0, size)).map(name).sort())
    }),
  ))

test('a root and a proof need no more reads than the tree is high, twice', async () => {
  const { read, reads } = storeOf(grown(entries))
  for (let size = 2; size <= MOST; size++) {
    const height = floorLog2(size) + 1
    for (const work of [
      () => treeRoot(read, size),
      () => inclusionProof(read, size >> 1, size),
      () => consistencyProof(read, (size >> 1) + 1, size),
    ]) {
      const before = reads()
      await work()
      expect(reads() - before).toBeLessThanOrEqual(2 * height)
    }
  }
})

test('logarithms of large sizes are exact', () => {
  for (let level = 1; level <= 52; level++) {
    expect(floorLog2(2 ** level)).toBe(level)
    expect(floorLog2(2 ** level - 1)).toBe(level - 1)
  }
})
