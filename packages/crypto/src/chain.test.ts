import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Link } from './chain.ts'
import { chainNext, firstBrokenLink, GENESIS } from './chain.ts'

const parts = fc.array(
  fc.record({
    header: fc.uint8Array({ minLength: 1, maxLength: 40 }),
    envelope: fc.uint8Array({ minLength: 1, maxLength: 40 }),
  }),
  { minLength: 1, maxLength: 12 },
)

function linked(all: readonly { header: Uint8Array; envelope: Uint8Array }[]): Link[] {
  let chain: Buffer = GENESIS
  return all.map((part, i) => {
    chain = chainNext(chain, part.header, part.envelope)
    return { ...part, seq: i + 1, chain }
  })
}
const renumbered = (links: Link[]) => links.map((link, i) => ({ ...link, seq: i + 1 }))

test('what was linked holds, whole and from any point on', () =>
  fc.assert(
    fc.property(parts, fc.nat(), (all, n) => {
      const links = linked(all)
      expect(firstBrokenLink(links)).toBeUndefined()
      const from = n % links.length
      expect(firstBrokenLink(links.slice(from), links[from - 1]?.chain ?? GENESIS, from)).toBeUndefined()
    }),
  ))

test.each(['header', 'envelope', 'chain'] as const)('a changed bit in a %s is found where it is', (field) =>
  fc.assert(
    fc.property(parts, fc.nat(), fc.nat(), (all, n, place) => {
      const links = linked(all)
      const at = n % links.length
      const bytes = Buffer.from(links[at]![field])
      bytes[place % bytes.length]! ^= 1 << (place % 8)
      links[at] = { ...links[at]!, [field]: bytes }
      expect(firstBrokenLink(links)).toBe(at + 1)
    }),
  ),
)

test('a link that is dropped, doubled or inserted is found, renumbered or not', () =>
  fc.assert(
    fc.property(parts, fc.nat(), (all, n) => {
      fc.pre(all.length > 1)
      const links = linked(all)
      const at = n % (links.length - 1)
      const dropped = links.toSpliced(at, 1)
      const doubled = links.toSpliced(at, 0, links[at]!)
      const inserted = links.toSpliced(at + 1, 0, { ...links[at]!, header: Buffer.of(9) })
      for (const edited of [dropped, doubled, inserted]) {
        expect(firstBrokenLink(edited)).toBeDefined()
        expect(firstBrokenLink(renumbered(edited))).toBeDefined()
      }
    }),
  ))

test('two links that change places are found', () =>
  fc.assert(
    fc.property(parts, (all) => {
      fc.pre(all.length > 1)
      const [first, second, ...rest] = linked(all)
      fc.pre(Buffer.compare(first!.chain, second!.chain) !== 0)
      expect(firstBrokenLink(renumbered([second!, first!, ...rest]))).toBe(1)
    }),
  ))

test('a missing tail cannot be found by a chain alone', () => {
  const links = linked([1, 2, 3].map((n) => ({ header: Buffer.of(n), envelope: Buffer.of(n) })))
  expect(firstBrokenLink(links.slice(0, 2))).toBeUndefined()
})
