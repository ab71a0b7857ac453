import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { projects } from '@stewrd/core/projects/projects.ts'
import { MAX_AGE_MS, MAX_ENCRYPTIONS } from '@stewrd/crypto/data-key.ts'
import { openKeyringFile } from '@stewrd/crypto/keyring-file.ts'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { DataKeys } from './data-keys.ts'
import { createEventStore } from './event-store.ts'
import { by, createWorld } from './testkit/world.ts'
import type { World } from './testkit/world.ts'

let world: World
beforeAll(async () => {
  world = await createWorld()
})
afterAll(() => world.close())

const provider = () => openKeyringFile(world.keyring)

test('whoever asks first, on whatever node, gets the same key', async () => {
  const project = randomUUID()
  const nodes = await Promise.all(Array.from({ length: 6 }, async () => new DataKeys(world.sql, await provider())))
  const keys = await Promise.all(nodes.map((n) => n.current(world.accountId, project, 'event')))
  expect(new Set(keys.map((k) => k.id)).size).toBe(1)
  const labels = await Promise.all(nodes.map((n) => n.deploymentKey('fingerprint')))
  expect(new Set(labels.map((k) => k.export().toString('hex'))).size).toBe(1)
  const other = await nodes[0]!.deploymentKey('command')
  expect(other.export().equals(labels[0]!.export())).toBe(false)
})

test('encryptions are counted before they happen', async () => {
  const project = randomUUID()
  const keys = new DataKeys(world.sql, await provider())
  const { id } = await keys.current(world.accountId, project, 'secret')
  const counted = async () =>
    (await world.sql<{ encryptions: number }[]>`select encryptions from data_keys where id = ${id}`)[0]!.encryptions
  const first = await counted()
  expect(first).toBeGreaterThanOrEqual(1)
  for (let used = 1; used <= first; used++) await keys.current(world.accountId, project, 'secret')
  expect(await counted()).toBeGreaterThan(first)
})

test('a key that is old, or used often, gives way to a new epoch, once, and what it sealed stays readable', async () => {
  let now = Date.now()
  const dataKeys = new DataKeys(world.sql, await provider(), { now: () => now })
  const store = createEventStore({ sql: world.sql, dataKeys })
  const stream = world.project()
  await store.execute(projects, stream, { type: 'CreateProject', name: 'a' }, by())
  now += MAX_AGE_MS + 1
  const another = new DataKeys(world.sql, await provider(), { now: () => now })
  const renamed = await Promise.all([
    store.execute(projects, stream, { type: 'RenameProject', name: 'b' }, by()),
    another.current(world.accountId, stream.projectId, 'event'),
  ])
  expect(renamed[1].epoch).toBe(2)
  await world.owner`update data_keys set encryptions = ${MAX_ENCRYPTIONS} where id = ${renamed[1].id}`
  const fresh = new DataKeys(world.sql, await provider(), { now: () => now })
  expect((await fresh.current(world.accountId, stream.projectId, 'event')).epoch).toBe(3)
  const rows = await world.sql<{ epoch: number; retired: boolean }[]>`
    select epoch, retired_at is not null as retired from data_keys where scope = ${stream.projectId} order by epoch`
  expect([...rows]).toEqual([
    { epoch: 1, retired: true },
    { epoch: 2, retired: true },
    { epoch: 3, retired: false },
  ])
  expect((await world.another().store.read(stream)).map((e) => e.event.type)).toEqual([
    'ProjectCreated',
    'ProjectRenamed',
  ])
})

test('a keyring that does not fit is refused with the key it lacks and the number of projects at risk', async () => {
  await new DataKeys(world.sql, await provider()).checkKeyring()
  const home = await mkdtemp(join(tmpdir(), 'stewrd-keyring-'))
  const [row] = await world.sql<{ kek_id: string; projects: number }[]>`
    select kek_id, count(distinct scope) filter (where scope <> 'deployment') as projects from data_keys group by 1`
  const wrong = new DataKeys(world.sql, await openKeyringFile(join(home, 'keyring.json')))
  await expect(wrong.checkKeyring()).rejects.toMatchObject({
    name: 'KeyringMismatch',
    kekId: row!.kek_id,
    projects: row!.projects,
  })
  await rm(home, { recursive: true })
})
