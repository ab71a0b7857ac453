import fc from 'fast-check'
import { expect, test } from 'vitest'
import { leafData } from './log-leaf.ts'
import { entryBundle, isInLog, parseTile, tileNodes, tilePath } from './tile.ts'

test('paths are written as C2SP tlog-tiles says', () => {
  expect(tilePath({ level: 0, index: 1_234_067, width: 256 })).toBe('0/x001/x234/067')
  expect(tilePath({ level: 'entries', index: 0, width: 17 })).toBe('entries/000.p/17')
  expect(parseTile('63/x001/234.p/255')).toEqual({ level: 63, index: 1234, width: 255 })
})

test.each([
  '',
  '0',
  '0/1',
  '00/000',
  '64/000',
  '-1/000',
  'x/000',
  '0/0000',
  '0/x000/000',
  '0/x001/x234/67',
  '0/001/234',
  '0/x001',
  '0/000.p/0',
  '0/000.p/256',
  '0/000.p/01',
  '0/000.p/',
  '0/000/',
  'entries/00',
  'Entries/000',
  '0/x999/x999/x999/x999/x999/999',
])('%o is no tile', (path) => expect(parseTile(path)).toBeUndefined())

test('every tile is found again by its path', () =>
  fc.assert(
    fc.property(
      fc.record({
        level: fc.oneof(fc.nat(63), fc.constant('entries' as const)),
        index: fc.nat(2 ** 40),
        width: fc.integer({ min: 1, max: 256 }),
      }),
      (tile) => {
        expect(parseTile(tilePath(tile))).toEqual(tile)
      },
    ),
  ))

test('a log of 70,000 entries has the tiles of the example in tlog-tiles', () => {
  const has = (path: string) => isInLog(parseTile(path)!, 70_000)
  for (const path of ['0/272', '0/273.p/112', '1/000', '1/001.p/17', '2/000.p/1', 'entries/273.p/112'])
    expect([path, has(path)]).toEqual([path, true])
  for (const path of ['0/273', '0/273.p/113', '1/001.p/18', '2/000', '2/000.p/2', '3/000.p/1', 'entries/273.p/113'])
    expect([path, has(path)]).toEqual([path, false])
})

test('a tile of level 1 is made of subtrees of 256 entries', () => {
  expect(tileNodes({ level: 1, index: 2, width: 2 })).toEqual([
    { level: 8, index: 512 },
    { level: 8, index: 513 },
  ])
})

test('a bundle is its entries, each after its length', () =>
  expect(entryBundle([Buffer.from('ab'), Buffer.alloc(0)]).toString('hex')).toBe('000261620000'))

test("a leaf's 32 bytes bind every field, and show none", () => {
  const leaf = { accountId: 'a', stream: 'project:b', seq: 1, chain: Buffer.alloc(32, 7) }
  const others = [
    { ...leaf, accountId: 'b' },
    { ...leaf, stream: 'project:c' },
    { ...leaf, seq: 2 },
    { ...leaf, chain: Buffer.alloc(32, 8) },
    { ...leaf, accountId: 'aproject:b', stream: '' },
  ]
  const all = [leaf, ...others].map((l) => leafData(l).toString('hex'))
  expect(new Set(all).size).toBe(all.length)
  expect(all[0]).toBe('a5367ae35e5691baf60a538cfceefa75da568d24325e69052afa48d6a9b53b6f')
})
