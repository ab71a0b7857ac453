import fc from 'fast-check'
import { expect, test } from 'vitest'
import { consistencyProof, growTree, inclusionProof, leafHash, treeRoot } from './merkle.ts'
import { verifyConsistency, verifyInclusion } from './merkle-verify.ts'
import { naiveRoot, storeOf } from './testing/naive-tree.ts'

const entry = fc.uint8Array({ minLength: 1, maxLength: 8 }).map((b) => Buffer.from(b))
/** Entries that all differ, as those of the log do: to swap two of them is a change. */
const logs = fc.uniqueArray(entry, { minLength: 2, maxLength: 300, selector: (b) => b.toString('hex') })
const storeFor = (entries: readonly Buffer[]) => storeOf(growTree(0, [], entries.map(leafHash))).read
const flipped = (bytes: Buffer, bit: number) => {
  const copy = Buffer.from(bytes)
  const at = bit % (copy.length * 8)
  copy[at >> 3]! ^= 1 << (at & 7)
  return copy
}

type Edit = { name: string; of(entries: Buffer[], at: number, other: number, bit: number): Buffer[] }
const edits: Edit[] = [
  { name: 'changed', of: (e, at, _, bit) => e.with(at, flipped(e[at]!, bit)) },
  { name: 'dropped', of: (e, at) => e.toSpliced(at, 1) },
  { name: 'swapped', of: (e, at, other) => e.with(at, e[other]!).with(other, e[at]!) },
  // The last one twice would be an entry that follows: the log's unique (account, stream, seq) is what forbids that.
  { name: 'doubled', of: (e, at) => e.toSpliced(at % (e.length - 1), 0, e[at % (e.length - 1)]!) },
  { name: 'inserted', of: (e, at) => e.toSpliced(at, 0, Buffer.from('somebody else')) },
  { name: 'cut short', of: (e, at) => e.with(at, e[at]!.subarray(0, -1)) },
]

test.each(edits)('an entry that was $name gives another root, and no proof of the old one holds', ({ of }) =>
  fc.assert(
    fc.asyncProperty(logs, fc.nat(), fc.nat(), fc.nat(), async (entries, a, b, bit) => {
      const at = a % entries.length
      const other = (at + 1 + (b % (entries.length - 1))) % entries.length
      const edited = of(entries, at, other, bit)
      const signed = { size: entries.length, root: naiveRoot(entries) }
      const read = storeFor(edited)
      expect((await treeRoot(read, edited.length)).equals(signed.root)).toBe(false)
      // Whoever edited the table may store whatever fits it: the signed root still gives it away.
      const first = Math.min(signed.size, edited.length)
      const head = { size: edited.length, root: await treeRoot(read, edited.length) }
      expect(verifyConsistency(signed, head, await consistencyProof(read, first, edited.length))).toBe(false)
      const changed = edited.findIndex((e, i) => !entries[i]?.equals(e))
      const accepted =
        changed >= 0 &&
        verifyInclusion(
          { index: changed, leaf: leafHash(edited[changed]!) },
          signed,
          await inclusionProof(read, changed, edited.length),
        )
      expect(accepted).toBe(false)
    }),
    { numRuns: 100 },
  ),
)

test('entries cut off at the end: a smaller tree is never consistent with a larger one that was signed', () =>
  fc.assert(
    fc.asyncProperty(logs, fc.nat(), async (entries, n) => {
      const cut = entries.slice(0, 1 + (n % (entries.length - 1)))
      const signed = { size: entries.length, root: naiveRoot(entries) }
      const now = { size: cut.length, root: naiveRoot(cut) }
      const proof = await consistencyProof(storeFor(entries), cut.length, entries.length)
      expect(verifyConsistency(now, signed, proof)).toBe(true)
      expect(verifyConsistency(signed, now, proof)).toBe(false)
    }),
    { numRuns: 50 },
  ))

const damaged = (proof: Buffer[], which: number, bit: number): Buffer[][] => [
  proof.slice(0, -1),
  proof.slice(1),
  [...proof, proof[0]!],
  [proof[0]!, ...proof],
  proof.with(which, flipped(proof[which]!, bit)),
  proof.with(which, proof[which]!.subarray(0, 31)),
]

test('every bit, element and number of a proof counts', () =>
  fc.assert(
    fc.asyncProperty(logs, fc.nat(), fc.nat(), async (entries, n, bit) => {
      const read = storeFor(entries)
      const size = entries.length
      const head = { size, root: naiveRoot(entries) }
      const index = n % size
      const leaf = leafHash(entries[index]!)
      const included = await inclusionProof(read, index, size)
      expect(verifyInclusion({ index, leaf }, head, included)).toBe(true)
      for (const proof of damaged(included, bit % included.length, bit))
        expect(verifyInclusion({ index, leaf }, head, proof)).toBe(false)
      expect(verifyInclusion({ index, leaf: flipped(leaf, bit) }, head, included)).toBe(false)
      expect(verifyInclusion({ index, leaf }, { size, root: flipped(head.root, bit) }, included)).toBe(false)
      const elsewhere = (index + 1 + (bit % (size - 1))) % size
      expect(verifyInclusion({ index: elsewhere, leaf }, head, included)).toBe(false)
      expect(verifyInclusion({ index: size, leaf }, head, included)).toBe(false)

      const first = { size: 1 + (n % (size - 1)), root: naiveRoot(entries.slice(0, 1 + (n % (size - 1)))) }
      const consistent = await consistencyProof(read, first.size, size)
      expect(verifyConsistency(first, head, consistent)).toBe(true)
      for (const proof of damaged(consistent, bit % consistent.length, bit))
        expect(verifyConsistency(first, head, proof)).toBe(false)
      expect(verifyConsistency({ ...first, root: flipped(first.root, bit) }, head, consistent)).toBe(false)
      expect(verifyConsistency(first, { ...head, root: flipped(head.root, bit) }, consistent)).toBe(false)
      expect(verifyConsistency(head, first, consistent)).toBe(false)
    }),
    { numRuns: 60 },
  ))

test('the empty tree is the start of every tree, and nothing is in it', () => {
  const root = naiveRoot([])
  const one = { size: 1, root: leafHash(Buffer.from('a')) }
  expect(verifyConsistency({ size: 0, root }, one, [])).toBe(true)
  expect(verifyConsistency({ size: 0, root }, one, [root])).toBe(false)
  expect(verifyInclusion({ index: 0, leaf: root }, { size: 0, root }, [])).toBe(false)
})

test('numbers that count nothing are refused', () => {
  const root = naiveRoot([])
  for (const size of [-1, 0.5, Number.NaN, 2 ** 60])
    expect(verifyConsistency({ size, root }, { size, root }, [])).toBe(false)
})
