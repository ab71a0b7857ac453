import { openCheckpoint } from '@stewrd/crypto/checkpoint.ts'
import { noteSigner } from '@stewrd/crypto/signed-note.ts'
import { latestCheckpoint, treeState } from '@stewrd/db/log-tree/checkpoints.ts'
import { afterEach, beforeEach, expect, test } from 'vitest'
import type { SigningWorld } from './testing/signing-world.ts'
import { noteKey, signingWorld } from './testing/signing-world.ts'

let world: SigningWorld
beforeEach(async () => {
  world = await signingWorld()
})
afterEach(() => world.close())

const signedSize = async () => (await latestCheckpoint(world.sql))?.size
const alarm = async () => (await treeState(world.sql)).alarm

/** What a backup from when the log had `size` entries brings back. */
async function restore(size: number) {
  await world.owner`delete from events e using log l where l.stream = e.stream and l.seq = e.seq and l.idx >= ${size}`
  await world.owner`delete from log where idx >= ${size}`
  await world.owner`delete from tree_nodes where (idx + 1) * 2 ^ level > ${size}`
  await world.owner`delete from checkpoints where size > ${size}`
  await world.owner`update log_state set size = ${size}`
  await world.owner`update tree_state set size = ${size}`
}

test('growth is signed, and nothing else is', async () => {
  const signer = world.signer()
  expect(await signer.sign()).toBe(false)
  for (const count of [1, 6, 300]) {
    await world.grow(count)
    expect(await signer.sign()).toBe(true)
    expect(await signer.sign()).toBe(false)
  }
  const { note, size } = (await latestCheckpoint(world.sql))!
  expect(openCheckpoint(note, noteKey.verifierKey).size).toBe(307)
  expect(size).toBe(307)
  for (const name of ['own', 'anchors']) expect(await world.files(name).latest()).toMatchObject({ size, note })
})

test.each(['own', 'anchors'])('a full disk (%s) is an alarm in words, until it takes the checkpoint', async (name) => {
  let full = true
  const keep = async (size: number, note: string) => {
    if (full) throw Object.assign(new Error('write'), { code: 'ENOSPC', errno: -28, syscall: 'write' })
    await world.files(name).keep(size, note)
  }
  const signer = world.signer({ [`${name}Files`]: { ...world.files(name), keep } })
  await world.grow(4)
  expect(await signer.sign()).toBe(false)
  expect(await alarm()).toMatchObject({
    code: 'CHECKPOINT_NOT_KEPT',
    message: expect.stringMatching(/^Checkpoints cannot be kept in the home or the anchor folder\. The disk is full/),
  })
  full = false
  await signer.sign()
  expect([await signedSize(), await alarm()]).toEqual([4, null])
  expect(await world.files(name).latest()).toMatchObject({ size: 4 })
})

test('only who holds the lease signs', async () => {
  await world.grow(2)
  await world.owner`update log_state set holder = 'somebody else'`
  expect(await world.signer().sign()).toBe(false)
  expect(await signedSize()).toBeUndefined()
})

test('a signer that starts again goes on, and signs the same size with the same bytes', async () => {
  await world.grow(3)
  await world.signer().sign()
  const { note } = (await latestCheckpoint(world.sql))!
  await world.owner`delete from checkpoints`
  await world.signer().sign()
  expect((await latestCheckpoint(world.sql))!.note).toBe(note)
  await world.grow(2)
  await world.signer({ own: 'of another node' }).sign()
  expect([await signedSize(), await alarm()]).toEqual([5, null])
})

test('what a node kept before it died is stored when it starts again, though another node has signed more since', async () => {
  await world.grow(3)
  await world.signer({ own: 'dies' }).sign()
  const [kept] = await world.owner<{ note: string }[]>`delete from checkpoints returning note`
  await world.grow(2)
  await world.signer({ own: 'other', anchors: 'others' }).sign()
  await world.owner`update log_state set holder = 'the other node'`
  await world.signer({ own: 'dies' }).sign()
  const stored = await world.worker<{ size: number; note: string; at: Date }[]>`select * from checkpoints order by size`
  expect(stored).toMatchObject([{ size: 3, note: kept!.note }, { size: 5 }])
  // It was signed before the one that follows it, whenever it was stored.
  expect(stored[0]!.at).toEqual(stored[1]!.at)
})

test('a restored backup is refused, also when it has grown past what was signed, until the right database is back', async () => {
  const signer = world.signer()
  await world.grow(10)
  await signer.sign()
  await world.grow(5)
  await signer.sign()
  await restore(10)
  expect(await signer.sign()).toBe(false)
  expect(await alarm()).toMatchObject({
    code: 'LOG_SHRANK',
    message: expect.stringContaining('The log has 10 entries, but a checkpoint of 15 was signed'),
  })
  const raised = await alarm()
  // A restart forgets nothing.
  expect(await world.signer().sign()).toBe(false)
  expect((await alarm())?.since).toBe(raised?.since)
  await world.grow(8)
  expect(await world.signer().sign()).toBe(false)
  expect(await alarm()).toMatchObject({ code: 'LOG_REWRITTEN' })
  expect(await signedSize()).toBe(10)
  expect(await world.signer().examine()).toMatchObject({ code: 'LOG_REWRITTEN' })
})

test('without its own files the anchors tell it, and without those the database does', async () => {
  await world.grow(9)
  await world.signer().sign()
  await world.grow(1)
  await world.signer().sign()
  await world.owner`update tree_nodes set hash = decode(repeat('00', 32), 'hex') where level = 3`
  for (const files of [{ own: 'lost' }, { own: 'lost too', anchors: 'lost' }]) {
    expect(await world.signer(files).examine()).toMatchObject({ code: 'LOG_REWRITTEN' })
    expect(await world.signer(files).sign()).toBe(false)
  }
  await world.owner`delete from checkpoints`
  expect(await world.signer().examine()).toMatchObject({ code: 'LOG_REWRITTEN' })
})

test('an edited hash is found before the next signature, a missing one too; put back, signing goes on', async () => {
  await world.grow(6)
  await world.signer().sign()
  const [before] = await world.owner<{ hash: Buffer }[]>`select hash from tree_nodes where level = 2`
  await world.owner`update tree_nodes set hash = decode(repeat('ab', 32), 'hex') where level = 2`
  await world.grow(1)
  const signer = world.signer()
  expect(await signer.sign()).toBe(false)
  expect(await alarm()).toMatchObject({ code: 'LOG_REWRITTEN' })
  await world.owner`delete from tree_nodes where level = 2`
  expect(await signer.sign()).toBe(false)
  expect(await alarm()).toMatchObject({ code: 'TREE_NODE_MISSING' })
  await world.owner`insert into tree_nodes values (2, 0, ${before!.hash})`
  expect(await signer.sign()).toBe(true)
  expect([await signedSize(), await alarm()]).toEqual([7, null])
})

test('a checkpoint by another key, or one that was changed, is not gone on from', async () => {
  await world.grow(4)
  await world.signer().sign()
  await world.grow(1)
  const another = noteSigner(noteKey.name, Buffer.alloc(32, 2))
  expect(await world.signer({ key: another }).sign()).toBe(false)
  expect(await alarm()).toMatchObject({ code: 'CHECKPOINT_FOREIGN', message: expect.stringContaining('own') })
  expect(await world.signer({ key: another, own: 'x', anchors: 'y' }).sign()).toBe(false)
  expect(await alarm()).toMatchObject({ message: expect.stringContaining('the database') })
  expect(await world.signer().sign()).toBe(true)
  const { note } = (await world.files('own').latest())!
  await world.files('own').keep(6, note.replace('\n5\n', '\n6\n'))
  expect(await world.signer().examine()).toMatchObject({ code: 'CHECKPOINT_FOREIGN' })
})

test('a hole in the log stops the signer with its place, until it is closed', async () => {
  const signer = world.signer()
  await world.grow(2)
  await signer.sign()
  signer.treeStopped({ code: 'LOG_ENTRY_MISSING', message: 'Entry 2 of the log is missing.' })
  expect(await signer.sign()).toBe(false)
  expect(await alarm()).toMatchObject({ code: 'LOG_ENTRY_MISSING', message: 'Entry 2 of the log is missing.' })
  signer.treeStopped(undefined)
  await signer.sign()
  expect(await alarm()).toBeNull()
})
