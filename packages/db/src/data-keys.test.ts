import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { projects } from '@stewrd/core/projects/projects.ts'
import { MAX_AGE_MS, MAX_ENCRYPTIONS } from '@stewrd/crypto/data-key.ts'
import { openKeyringFile } from '@stewrd/crypto/keyring-file.ts'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { DataKeyMissing, DataKeys } from './data-keys.ts'
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
    (await world.worker<{ encryptions: number }[]>`select encryptions from data_keys where id = ${id}`)[0]!.encryptions
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
  const rows = await world.worker<{ epoch: number; retired: boolean }[]>`
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
  await new DataKeys(world.sql, await provider()).checkKeyring(world.worker)
  const home = await mkdtemp(join(tmpdir(), 'stewrd-keyring-'))
  const [row] = await world.worker<{ kek_id: string; projects: number }[]>`
    select kek_id, count(distinct scope) filter (where scope <> 'deployment') as projects from data_keys group by 1`
  const wrong = new DataKeys(world.sql, await openKeyringFile(join(home, 'keyring.json')))
  await expect(wrong.checkKeyring(world.worker)).rejects.toMatchObject({
    name: 'KeyringMismatch',
    kekId: row!.kek_id,
    projects: row!.projects,
  })
  await rm(home, { recursive: true })
})

test('a key for one value is nobody’s current key, and destroyed it opens nothing any more', async () => {
  const project = randomUUID()
  const keys = new DataKeys(world.sql, await provider())
  const made = await Promise.all(Array.from({ length: 5 }, () => keys.fresh(world.accountId, project)))
  expect(new Set(made.map((k) => k.id)).size).toBe(5)
  expect((await keys.byId(world.accountId, project, made[0]!.id)).key.equals(made[0]!.key)).toBe(true)
  expect(await keys.epoch(world.accountId, project, 'secret')).toBe(0)
  expect(await keys.destroy(world.accountId, made[0]!.id)).toBe(true)
  await expect(keys.byId(world.accountId, project, made[0]!.id)).rejects.toThrow(DataKeyMissing)
  const another = new DataKeys(world.sql, await provider())
  await expect(another.byId(world.accountId, project, made[0]!.id)).rejects.toThrow(DataKeyMissing)
  expect(await keys.destroy(world.accountId, made[0]!.id)).toBe(true)
  expect((await another.byId(world.accountId, project, made[1]!.id)).id).toBe(made[1]!.id)
})

test('no other node keeps a key that opens provider keys in memory', async () => {
  const project = randomUUID()
  const [one, two] = [new DataKeys(world.sql, await provider()), new DataKeys(world.sql, await provider())]
  const { id } = await one.fresh(world.accountId, project)
  await two.byId(world.accountId, project, id)
  await one.destroy(world.accountId, id)
  await expect(two.byId(world.accountId, project, id)).rejects.toThrow(DataKeyMissing)
})

test('a shared key is closed first, and destroyed only when no server can be about to use it', async () => {
  const project = randomUUID()
  const keys = new DataKeys(world.sql, await provider())
  const { id } = await keys.current(world.accountId, project, 'secret')
  expect(await keys.destroy(world.accountId, id)).toBe(false)
  await world.owner`update data_keys set created_at = now() - interval '1 hour', retired_at = now() - interval '11 minutes' where id = ${id}`
  expect(await keys.destroy(world.accountId, id)).toBe(true)
})

test('a key of events is never destroyed by this way', async () => {
  const project = randomUUID()
  const { id } = await world.dataKeys.current(world.accountId, project, 'event')
  expect(await world.dataKeys.destroy(world.accountId, id)).toBe(false)
  expect((await world.dataKeys.byId(world.accountId, project, id)).id).toBe(id)
})

test('after a value’s own key the epochs of a project still advance', async () => {
  const project = randomUUID()
  const keys = new DataKeys(world.sql, await provider())
  await keys.fresh(world.accountId, project)
  await keys.current(world.accountId, project, 'secret')
  await keys.fresh(world.accountId, project)
  expect(await keys.advance(world.accountId, project, 'secret', 3)).toBeGreaterThanOrEqual(3)
})
