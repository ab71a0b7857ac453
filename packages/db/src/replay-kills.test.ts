import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { projects } from '@stewrd/core/projects/projects.ts'
import type { ProjectRow } from '@stewrd/core/projects/projects.projection.ts'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Projector } from './projector.ts'
import { replaySteps, replayView } from './replay.ts'
import { Sequencer } from './sequencer.ts'
import { by, createWorld } from './testkit/world.ts'
import type { World } from './testkit/world.ts'
import { Views } from './views.ts'

/** More than a rebuild folds while the live view waits for it. */
const PROJECTS = 250

let world: World
let sequencer: Sequencer
let projector: Projector
beforeAll(async () => {
  world = await createWorld()
  sequencer = new Sequencer({ sql: world.worker, node: 'test' })
  projector = new Projector({ sql: world.worker, dataKeys: world.dataKeys, node: 'test' })
})
afterAll(async () => {
  await projector?.stop()
  await sequencer?.stop()
  await world?.close()
})

async function write(count: number) {
  const create = (i: number) =>
    world.store.execute(projects, world.project(), { type: 'CreateProject', name: `project ${i}` }, by())
  await Promise.all(Array.from({ length: count }, (_, i) => create(i)))
  await sequencer.drain()
  await projector.drain()
}

/** In a process of its own; how it ended. */
async function rebuild(dieAt: string): Promise<NodeJS.Signals | number | null> {
  const child = spawn(process.execPath, [new URL('testkit/rebuilder.ts', import.meta.url).pathname], {
    env: { ...process.env, DB_URL: world.url, KEYRING: world.keyring, VIEW: 'projects', DIE_AT: dieAt },
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null]
  return signal ?? code
}

const shown = async () => {
  const { rows } = await new Views(world.sql).list<ProjectRow>('projects', world.accountId, { limit: 2000 })
  return new Set(rows.map((r) => r.projectId)).size
}

test.each(replaySteps)(
  'a rebuild that dies after "%s" takes nothing from readers, and the next one is equal',
  async (step) => {
    await write(PROJECTS)
    const before = await shown()
    expect(await rebuild(step)).toBe('SIGKILL')
    expect(await shown()).toBe(before)
    await write(10)
    expect(await shown()).toBe(before + 10)
    // The lease of the dead one runs out by itself after some seconds.
    await world.owner`update leases set expires_at = '-infinity' where name like 'replay:%'`
    expect(await replayView(world.background, 'projects')).toMatchObject({ equal: true, switched: true })
    expect(await shown()).toBe(before + 10)
    const slots = await world.sql<{ slot: number }[]>`select distinct slot from view_rows where view = 'projects'`
    expect(slots).toHaveLength(1)
  },
)
