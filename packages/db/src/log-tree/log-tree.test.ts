import { projects } from '@stewrd/core/projects/projects.ts'
import { leafData } from '@stewrd/crypto/log-leaf.ts'
import { growTree, inclusionProof, leafHash, treeRoot } from '@stewrd/crypto/merkle.ts'
import { verifyInclusion } from '@stewrd/crypto/merkle-verify.ts'
import { parseTile } from '@stewrd/crypto/tile.ts'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { Sql } from '../connect.ts'
import { Sequencer } from '../sequencer.ts'
import { by, createWorld } from '../testkit/world.ts'
import type { World } from '../testkit/world.ts'
import { LogTree } from './log-tree.ts'
import { LogDamaged, readLeaves, readNodes, readTile } from './nodes.ts'

let world: World
let sequencer: Sequencer
beforeAll(async () => {
  world = await createWorld()
  sequencer = new Sequencer({ sql: world.worker, node: 'a' })
})
afterAll(async () => {
  await sequencer.stop()
  await world.close()
})

const log = async (count: number) => {
  const streams = Array.from({ length: count }, () => world.project())
  await Promise.all(streams.map((s) => world.store.execute(projects, s, { type: 'CreateProject', name: 'x' }, by())))
  await sequencer.drain()
}
const treeOf = (owner = sequencer, sql: Sql = world.worker) => new LogTree({ sql, lease: () => owner.lease })
const size = async () => (await world.worker<{ size: number }[]>`select size from tree_state`)[0]!.size
const logSize = async () => (await world.worker<{ size: number }[]>`select size from log_state`)[0]!.size

type StoredNode = { level: number; idx: number; hash: string }
/** The whole tree, computed anew from the events. */
const expected = async (): Promise<StoredNode[]> => {
  const leaves = await readLeaves(world.worker, 0, await logSize())
  return growTree(
    0,
    [],
    leaves.map((leaf) => leafHash(leafData(leaf))),
  )
    .map(({ level, index, hash }) => ({ level, idx: index, hash: hash.toString('hex') }))
    .sort((a, b) => a.level - b.level || a.idx - b.idx)
}
const actual = async () => [
  ...(await world.worker<StoredNode[]>`
    select level::int as level, idx, encode(hash, 'hex') as hash from tree_nodes order by level, idx`),
]

test('what was logged before there was a tree is hashed in batches', async () => {
  for (let i = 0; i < 3; i++) await log(400)
  expect(await treeOf().drain()).toBe(1200)
  expect(await size()).toBe(1200)
  expect(await actual()).toEqual(await expected())
})

test('the tree grows with the log, by any number of entries', async () => {
  const tree = treeOf()
  for (const count of [1, 2, 7, 30]) {
    await log(count)
    expect(await tree.drain()).toBe(count)
  }
  expect(await tree.drain()).toBe(0)
  expect(await actual()).toEqual(await expected())
})

test('one that lost the lease while it hashed writes nothing, and the next goes on', async () => {
  const before = await size()
  await log(5)
  const taker = new Sequencer({ sql: world.another().worker, node: 'taker' })
  const stale = sequencer.lease!
  await world.owner`update log_state set expires_at = '-infinity'`
  await taker.drain()
  expect(await new LogTree({ sql: world.worker, lease: () => stale }).drain()).toBe(0)
  expect(await size()).toBe(before)
  expect(await treeOf(taker).drain()).toBe(5)
  await taker.stop()
  await sequencer.drain()
  expect(await actual()).toEqual(await expected())
})

test('two that believe to hold the same lease write each node once', async () => {
  await log(50)
  const sql = world.another().worker
  const added = await Promise.all([treeOf().drain(), treeOf(sequencer, sql).drain()])
  expect(added[0] + added[1]).toBe(50)
  expect(await actual()).toEqual(await expected())
})

test('without the lease nobody hashes', async () => {
  await log(1)
  expect(await new LogTree({ sql: world.worker, lease: () => undefined }).drain()).toBe(0)
  expect(await treeOf().drain()).toBe(1)
})

test('entries are proved from the stored nodes', async () => {
  const count = await size()
  const read = (at: Parameters<typeof readNodes>[1]) => readNodes(world.worker, at)
  const head = { size: count, root: await treeRoot(read, count) }
  for (const index of [0, 1, 700, 1199, count - 1]) {
    const [leaf] = await readLeaves(world.worker, index, index + 1)
    const proof = await inclusionProof(read, index, count)
    expect(verifyInclusion({ index, leaf: leafHash(leafData(leaf!)) }, head, proof)).toBe(true)
  }
})

test('tiles hold the hashes, bundles the entries that hash to them', async () => {
  const tile = await readTile(world.worker, parseTile('0/003')!)
  const bundle = await readTile(world.worker, parseTile('entries/003')!)
  expect([tile.length, bundle.length]).toEqual([256 * 32, 256 * 34])
  const hashes = Array.from({ length: 256 }, (_, i) => leafHash(bundle.subarray(i * 34 + 2, (i + 1) * 34)))
  expect(Buffer.concat(hashes).equals(tile)).toBe(true)
  expect((await readTile(world.worker, parseTile('1/000.p/4')!)).subarray(3 * 32)).toEqual(
    (await readNodes(world.worker, [{ level: 8, index: 3 }]))[0],
  )
})

test('what is missing is named, and no hash is made without it', async () => {
  await expect(readTile(world.worker, parseTile('0/009')!)).rejects.toMatchObject({ code: 'TREE_NODE_MISSING' })
  await log(3)
  const [gone] = await world.owner<{ seq: number; stream: string; chain: Buffer }[]>`
    delete from events e using log l where l.stream = e.stream and l.seq = e.seq and l.idx = ${(await logSize()) - 2} returning e.*`
  expect(gone).toBeDefined()
  const damage = treeOf().drain()
  await expect(damage).rejects.toBeInstanceOf(LogDamaged)
  await expect(damage).rejects.toMatchObject({ code: 'LOG_ENTRY_MISSING' })
  expect(await size()).toBe((await logSize()) - 3)
  const missing = (await logSize()) - 3
  await world.owner`delete from log where idx = ${missing}`
  await expect(treeOf().drain()).rejects.toThrow(`Entry ${missing} of the log is missing.`)
})
