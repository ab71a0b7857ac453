import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { openCheckpoint } from '@stewrd/crypto/checkpoint.ts'
import { leafData } from '@stewrd/crypto/log-leaf.ts'
import { growTree, leafHash, treeRoot } from '@stewrd/crypto/merkle.ts'
import type { NodeAt } from '@stewrd/crypto/merkle.ts'
import { readLeaves, readNodes } from '@stewrd/db/log-tree/nodes.ts'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { SigningWorld } from './testing/signing-world.ts'
import { noteKey, signingWorld } from './testing/signing-world.ts'
import { logSteps } from './testing/steps.ts'

let world: SigningWorld
beforeAll(async () => {
  world = await signingWorld()
})
afterAll(() => world?.close())

/** Five events by a process of its own; how it ended. */
async function append(dieAt: string): Promise<NodeJS.Signals | number | null> {
  const child = spawn(process.execPath, [join(import.meta.dirname, 'testing/killed.ts')], {
    env: {
      ...process.env,
      DB_URL: world.url,
      KEYRING: world.keyring,
      LOG_HOME: world.home,
      STREAM: JSON.stringify(world.project()),
      DIE_AT: dieAt,
    },
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null]
  // Its lease has run out by the time that somebody takes over.
  await world.owner`update log_state set expires_at = '-infinity'`
  return signal ?? code
}

test('killed between any two steps, the next one goes on: the log is dense, no leaf is lost or doubled, no signature contradicts another', async () => {
  const ends: [string, unknown][] = []
  for (const step of logSteps) ends.push([step, await append(step)])
  expect(ends).toEqual(logSteps.map((step) => [step, 'SIGKILL']))
  expect(await append('never')).toBe(0)

  const count = 5 * (logSteps.length + 1)
  const { worker: sql } = world
  const indexes = await sql<{ idx: number }[]>`select idx from log order by idx`
  expect(indexes.map(({ idx }) => idx)).toEqual(Array.from({ length: count }, (_, i) => i))
  const leaves = await readLeaves(sql, 0, count)
  expect(new Set(leaves.map((leaf) => leafData(leaf).toString('hex'))).size).toBe(count)

  const hashes = leaves.map((leaf) => leafHash(leafData(leaf)))
  const nodes = growTree(0, [], hashes)
  const [{ stored } = { stored: 0 }] = await sql<{ stored: number }[]>`select count(*) as stored from tree_nodes`
  expect(stored).toBe(nodes.length)
  expect(await readNodes(sql, nodes)).toEqual(nodes.map((n) => n.hash))

  const read = (at: readonly NodeAt[]) => readNodes(sql, at)
  const notes = await sql<{ note: string }[]>`select note from checkpoints order by size`
  expect(notes.length).toBeGreaterThan(2)
  for (const { note } of notes) {
    const { size, root } = openCheckpoint(note, noteKey.verifierKey)
    expect(await treeRoot(read, size)).toEqual(root)
  }
  expect(await world.files('own').latest()).toMatchObject({ size: count, note: notes.at(-1)!.note })
  const anchors = await readdir(join(world.home, 'anchors'), { recursive: true })
  expect(anchors.filter((name) => name.endsWith('.checkpoint')).length).toBeGreaterThan(1)
})
