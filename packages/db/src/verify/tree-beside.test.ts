import { digest } from '@stewrd/crypto/digest.ts'
import { expect, test } from 'vitest'
import type { TreeBeside } from './tree-beside.ts'
import { TreeHere, TreeThread } from './tree-beside.ts'

const entry = (n: number) => digest(Buffer.from(`entry ${n}`))
/** Roots at these sizes, asked for without waiting, and the digests of all levels. */
async function grown(tree: TreeBeside, entries: number, sizes: readonly number[]) {
  const roots: Promise<Buffer>[] = []
  for (let n = 0; n < entries; n++) {
    if (sizes.includes(tree.size)) roots.push(tree.root())
    tree.add(entry(n))
    await tree.room()
  }
  const all = await Promise.all([...roots, tree.root()])
  return { size: tree.size, roots: all.map((root) => root.toString('hex')), digests: await tree.digests() }
}

test.each([0, 1, 2047, 2048, 2049, 10_000])('a thread computes what this one does: %i entries', async (entries) => {
  const sizes = [0, 1, 2, 3, 2047, 2048, 2049, 4096, 7777]
  const [here, thread] = [new TreeHere(), new TreeThread()]
  try {
    const expected = await grown(here, entries, sizes)
    expect(await grown(thread, entries, sizes)).toEqual(expected)
    expect(expected.size).toBe(entries)
  } finally {
    await thread.close()
  }
})

test('no more is handed over than the thread can do', async () => {
  const thread = new TreeThread()
  try {
    let waits = 0
    for (let n = 0; n < 2048 * 100; n++) {
      thread.add(entry(n % 10))
      const room = n % 2048 === 0 ? thread.room() : undefined
      if (!room) continue
      waits += 1
      await room
    }
    expect(waits).toBeGreaterThan(0)
    const here = new TreeHere()
    for (let n = 0; n < 2048 * 100; n++) here.add(entry(n % 10))
    expect(await thread.root()).toEqual(await here.root())
  } finally {
    await thread.close()
  }
})

test('a thread that is gone is an error to whoever asks it, and to nobody else', async () => {
  const thread = new TreeThread()
  thread.add(entry(1))
  const unanswered = thread.root()
  await thread.close()
  await expect(unanswered).rejects.toThrow('ended')
  await expect(thread.root()).rejects.toThrow('ended')
  expect(() => thread.room()).toThrow('ended')
})
