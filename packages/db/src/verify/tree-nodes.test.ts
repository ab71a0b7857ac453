import { hash } from 'node:crypto'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { World } from '../testkit/world.ts'
import { createWorld } from '../testkit/world.ts'
import { NodesDigest, storedNodes } from './tree-nodes.ts'

const SIZE = 300
let world: World
beforeAll(async () => {
  world = await createWorld()
})
afterAll(() => world.close())

const levels: string[][] = []
for (let width = SIZE; width > 0; width = Math.floor(width / 2))
  levels.push(Array.from({ length: width }, (_, idx) => hash('sha256', `${levels.length} ${idx}`)))
const rows = levels.flatMap((hashes, level) => hashes.map((of, idx) => ({ level, idx, hash: Buffer.from(of, 'hex') })))
const expected = levels.map((hashes) => {
  const nodes = new NodesDigest()
  for (const of of hashes) nodes.add(Buffer.from(of, 'hex').toString('latin1'))
  return nodes.digest()
})

async function read(stored: typeof rows, window?: number) {
  await world.owner`truncate tree_nodes`
  await world.owner`insert into tree_nodes ${world.owner(stored)}`
  return world.worker.begin(async (tx) => {
    const found = await storedNodes(tx, SIZE, () => {}, window)
    expect(await tx`select 1 as one`).toMatchObject([{ one: 1 }])
    return found
  })
}

test('a tree is read in whatever order it lies, were it farther from its own than the window', async () => {
  expect(await read(rows)).toEqual(expected)
  expect(await read(rows.toReversed())).toEqual(expected)
  expect(await read(rows, 128)).toEqual(expected)
  expect(await read(rows.toReversed(), 128)).toEqual(expected)
})

test('a hash that is missing, or that no tree of this size has, is seen', async () => {
  expect(await read(rows.filter(({ level, idx }) => level !== 1 || idx !== 70))).toBeUndefined()
  expect(await read([...rows, { ...rows[0]!, idx: SIZE }])).toBeUndefined()
  expect(await read([...rows, { ...rows[0]!, level: levels.length }])).toBeUndefined()
  const edited = rows.map((row) => (row.level === 2 && row.idx === 3 ? { ...row, hash: rows[0]!.hash } : row))
  expect((await read(edited))?.map((of, level) => of === expected[level])).toEqual(levels.map((_, i) => i !== 2))
})
