import { randomUUID } from 'node:crypto'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { projects } from '@stewrd/core/projects/projects.ts'
import { openKeyringFile } from '@stewrd/crypto/keyring-file.ts'
import type { KekRef } from '@stewrd/crypto/keyring.ts'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import { DataKeys } from '../data-keys.ts'
import { createEventStore } from '../event-store.ts'
import { by, createWorld } from '../testkit/world.ts'
import type { World } from '../testkit/world.ts'
import { closeOthers, masterKeyUsage, registerPrimary, reopen, retireUnused } from './registry.ts'
import type { DamagedDataKey } from './rewrap.ts'
import { countElsewhere, countUnder, rewrapAll } from './rewrap.ts'

let world: World
beforeEach(async () => {
  world = await createWorld()
})
afterEach(() => world.close())
let folder: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stewrd-master-keys-'))
})
afterAll(() => rm(folder, { recursive: true }))

const open = () => openKeyringFile(world.keyring)
const fill = async (dataKeys: DataKeys, count: number) => {
  const scopes = Array.from({ length: count }, () => randomUUID())
  for (const scope of scopes) await dataKeys.current(world.accountId, scope, 'event')
  return scopes
}
/** Another key becomes primary in the file, as at the beginning of a rotation. */
async function nextPrimary() {
  const ring = await open()
  const from = ring.primary
  const to = await ring.manage.add()
  await ring.manage.setPrimary(to)
  await registerPrimary(world.worker, ring)
  return { ring, from, to }
}
async function rewrap(to: KekRef): Promise<readonly DamagedDataKey[]> {
  let damaged: readonly DamagedDataKey[] = []
  for await (const progress of rewrapAll(world.worker, await open(), to)) damaged = progress.damaged
  return damaged
}
const wrappedRows = () => world.worker<{ id: string; wrapped: Buffer }[]>`select id, wrapped from data_keys order by id`

test('every data key moves to the new master key, in batches, and opens as before', async () => {
  const scopes = await fill(world.dataKeys, 150)
  const before = await Promise.all(scopes.map((s) => world.dataKeys.current(world.accountId, s, 'event')))
  const { from, to, ring } = await nextPrimary()
  await closeOthers(world.worker, to)
  const seen: number[] = []
  for await (const { done, total } of rewrapAll(world.worker, ring, to)) {
    seen.push(done)
    expect(total).toBeGreaterThanOrEqual(150)
  }
  expect(seen.length).toBeGreaterThan(2)
  expect(seen).toEqual(seen.toSorted((a, b) => a - b))
  expect(await countUnder(world.worker, from)).toBe(0)
  await ring.manage.remove(from)
  const fresh = new DataKeys(world.sql, await open())
  await fresh.checkKeyring(world.worker)
  for (const [i, key] of before.entries())
    expect((await fresh.byId(world.accountId, scopes[i]!, key.id)).key.equals(key.key), 'the same data key').toBe(true)
  const [row] = await world.worker<{ former: string[] }[]>`select former_keks as former from data_keys limit 1`
  expect(row!.former).toEqual([`${from.id}/1`])
})

test('two who do it at once do not undo each other', async () => {
  await fill(world.dataKeys, 200)
  const { from, to } = await nextPrimary()
  await closeOthers(world.worker, to)
  await Promise.all([rewrap(to), rewrap(to), rewrap(to)])
  expect(await countUnder(world.worker, from)).toBe(0)
  const [longest] = await world.worker<{ n: number }[]>`select max(cardinality(former_keks)) as n from data_keys`
  expect(longest!.n).toBe(1)
})

test('nothing new is wrapped under a closed key, not even by a server that has not heard of the new one', async () => {
  const copy = join(folder, `${randomUUID()}.json`)
  await writeFile(copy, await readFile(world.keyring), { mode: 0o600 })
  const node = new DataKeys(world.sql, await openKeyringFile(copy))
  await fill(node, 3)
  const { from, to } = await nextPrimary()
  // Data keys are made all the time, while the old key is closed in the middle of them.
  const makers = Array.from({ length: 20 }, () => fill(node, 3).catch((error: unknown) => error))
  await closeOthers(world.worker, to)
  const after = await Promise.all(makers)
  await rewrap(to)
  const left = await countUnder(world.worker, from)
  const refused = after.filter((r) => r instanceof Error)
  for (const error of refused) expect(error).toMatchObject({ code: 'KEK_CLOSED', kekId: from.id })
  expect(left).toBe(0)
  await expect(fill(node, 1)).rejects.toMatchObject({ code: 'KEK_CLOSED' })
  expect(await countUnder(world.worker, from)).toBe(0)
})

test('a server that reads the file again goes on with the new key', async () => {
  const node = new DataKeys(world.sql, await open())
  await fill(node, 1)
  const { to } = await nextPrimary()
  await closeOthers(world.worker, to)
  const before = await countUnder(world.worker, to)
  await fill(node, 2)
  expect(await countUnder(world.worker, to)).toBe(before + 2)
})

test('a damaged data key is named and left as it is; all others move', async () => {
  const scopes = await fill(world.dataKeys, 5)
  const damage = world.worker`update data_keys set wrapped = set_byte(wrapped, 20, get_byte(wrapped, 20) # 1) where scope = ${scopes[2]!}`
  await damage
  const { from, to } = await nextPrimary()
  await closeOthers(world.worker, to)
  const damaged = await rewrap(to)
  expect(damaged).toMatchObject([{ scope: scopes[2], kek: from, code: 'UNWRAP_FAILED' }])
  expect(await countElsewhere(world.worker, to)).toBe(1)
  expect(await retireUnused(world.worker, from)).toBe(false)
})

test('no event, head or log row is touched', async () => {
  const stream = world.project()
  await world.store.execute(projects, stream, { type: 'CreateProject', name: 'a' }, by())
  const rows = async () => {
    const [events, heads, log] = [
      await world.owner`select e.*, e.xmin from events e`,
      await world.owner`select h.*, h.xmin from heads h`,
      await world.owner`select l.*, l.xmin from log l`,
    ]
    return JSON.stringify({ events, heads, log })
  }
  const before = await rows()
  const wrapped = await wrappedRows()
  const { to } = await nextPrimary()
  await closeOthers(world.worker, to)
  await rewrap(to)
  expect(await rows()).toBe(before)
  expect(await wrappedRows()).not.toEqual(wrapped)
  const another = new DataKeys(world.sql, await open())
  expect(await createEventStore({ sql: world.sql, dataKeys: another }).read(stream)).toHaveLength(1)
})

test('a key is retired when nothing depends on it, and not before; a new rotation may bring it back', async () => {
  await fill(world.dataKeys, 2)
  const { ring, from, to } = await nextPrimary()
  expect(await retireUnused(world.worker, from)).toBe(false)
  await closeOthers(world.worker, to)
  await rewrap(to)
  expect(await retireUnused(world.worker, from)).toBe(true)
  expect(await retireUnused(world.worker, to)).toBe(false)
  await ring.manage.setPrimary(from)
  await expect(registerPrimary(world.worker, ring)).rejects.toMatchObject({ code: 'KEK_CLOSED', kekId: from.id })
  await reopen(world.worker, ring.primary)
  await registerPrimary(world.worker, ring)
  const usage = await masterKeyUsage(world.worker)
  expect(usage.map(({ id, status }) => ({ id, status }))).toEqual([
    { id: from.id, status: 'open' },
    { id: to.id, status: 'open' },
  ])
})

test('a single damaged row does not make a key look wrong at start', async () => {
  const dataKeys = new DataKeys(world.sql, await open())
  const scopes = await fill(dataKeys, 3)
  await world.worker`update data_keys set wrapped = '\\x01' where scope = ${scopes[2]!}`
  const check = async () => new DataKeys(world.sql, await open()).checkKeyring(world.worker)
  await expect(check()).resolves.toBeUndefined()
  await world.sql`update master_keys set canary = null`
  await expect(check()).resolves.toBeUndefined()
  await world.sql`update master_keys set canary = '\\x02'`
  await expect(check()).resolves.toBeUndefined()
})

test('another key under the right name is found out, with the projects at risk', async () => {
  const dataKeys = new DataKeys(world.sql, await open())
  await dataKeys.checkKeyring(world.worker)
  await fill(dataKeys, 3)
  await dataKeys.deploymentKey('fingerprint')
  await dataKeys.current(world.accountId, world.accountId, 'event')
  const ring = JSON.parse(await readFile(world.keyring, 'utf8')) as { keys: { id: string; key: string }[] }
  ring.keys[0]!.key = Buffer.alloc(32, 5).toString('base64')
  await writeFile(world.keyring, JSON.stringify(ring))
  await expect(new DataKeys(world.sql, await open()).checkKeyring(world.worker)).rejects.toMatchObject({
    name: 'KeyringMismatch',
    kekId: ring.keys[0]!.id,
    projects: 3,
    message: expect.stringContaining('3 projects'),
  })
})

test('a project’s data keys advance to an epoch once, however often that is asked', async () => {
  const scope = randomUUID()
  const other = new DataKeys(world.sql, await open())
  await world.dataKeys.current(world.accountId, scope, 'event')
  const reached = await Promise.all([
    world.dataKeys.advance(world.accountId, scope, 'event', 2),
    other.advance(world.accountId, scope, 'event', 2),
  ])
  expect(reached).toEqual([2, 2])
  expect(await other.advance(world.accountId, scope, 'event', 2)).toBe(2)
  expect((await world.dataKeys.current(world.accountId, scope, 'event')).epoch).toBe(2)
  expect(await other.epoch(world.accountId, scope, 'secret')).toBe(0)
})

test('a server that holds an older epoch learns of the new one within half a minute', async () => {
  let now = Date.now()
  const scope = randomUUID()
  const node = new DataKeys(world.sql, await open(), { now: () => now })
  expect((await node.current(world.accountId, scope, 'event')).epoch).toBe(1)
  await world.dataKeys.advance(world.accountId, scope, 'event', 2)
  expect((await node.current(world.accountId, scope, 'event')).epoch).toBe(1)
  now += 30_000
  await expect.poll(async () => (await node.current(world.accountId, scope, 'event')).epoch).toBe(2)
})
