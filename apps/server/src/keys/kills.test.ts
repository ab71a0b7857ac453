import { keyring, keyringStream } from '@stewrd/core/keyring/keyring.ts'
import { nameOfKek } from '@stewrd/crypto/keyring.ts'
import { DataKeys } from '@stewrd/db/data-keys.ts'
import { countElsewhere } from '@stewrd/db/master-keys/rewrap.ts'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { createProject } from '../projects/service.ts'
import { endOf } from '../testing/killed-process.ts'
import type { TestPlatform } from '../testing/platform.ts'
import { testPlatform } from '../testing/platform.ts'
import { openKeyring } from './open-keyring.ts'
import { dataSteps, resumeDataRotation } from './rotate-data.ts'
import { masterSteps, resumeRotation, rotateMaster } from './rotate-master.ts'
import { listKeys, retireKey, retireSteps } from './service.ts'

let server: TestPlatform
let projectId: string
beforeAll(async () => {
  server = await testPlatform()
  const made = await createProject(server.platform, { name: 'a' }, 'operator:cli')
  projectId = made.projectId
  for (let n = 0; n < 70; n++) await server.platform.dataKeys.fresh(server.platform.accountId, projectId)
})
afterAll(() => server.close())

const script = new URL('testing/killed.ts', import.meta.url)
const killed = (...args: string[]) => endOf(script, server, ...args)

const events = async () => {
  const { store, accountId } = server.platform
  return store.read(keyringStream(accountId))
}
const underWay = async () => {
  const { store, accountId } = server.platform
  return (await store.head(keyring, keyringStream(accountId))).state
}
async function everythingOpens() {
  const { sql, worker, egress, accountId } = server.platform
  const keys = new DataKeys(sql, await openKeyring({ env: server.env, egress }, { create: false }))
  await keys.checkKeyring(worker)
  const rows = await worker<
    { id: string; scope: string }[]
  >`select id, scope from data_keys where account_id = ${accountId}`
  expect(rows.length).toBeGreaterThan(70)
  await Promise.all(rows.map(({ id, scope }) => keys.byId(accountId, scope, id)))
}

// Before it is begun nobody but the operator knows of it: they do it again. From then on the server that lives ends it.
test.each(masterSteps)('a rotation of the master key that dies after "%s" is ended, and all opens', async (step) => {
  const before = server.platform.keyring.primary
  expect(await killed(step, 'master')).toBe('SIGKILL')
  if (masterSteps.indexOf(step) < masterSteps.indexOf('begun')) await killed('none', 'master')
  await vi.waitFor(async () => expect((await underWay()).rotation).toBe(null), { timeout: 20_000, interval: 100 })
  await server.platform.keyring.refresh!()
  const { primary } = server.platform.keyring
  expect(primary.id).not.toBe(before.id)
  expect(await countElsewhere(server.platform.sql, primary)).toBe(0)
  const last = (await events()).findLast(({ event }) => event.type === 'MasterKeyRotated')
  expect(last?.event.data).toMatchObject({ from: [before], to: primary, left: 0 })
  await everythingOpens()
})

test.each(dataSteps)('a rotation of data keys that dies after "%s" is ended once, and all opens', async (step) => {
  const { dataKeys, accountId } = server.platform
  const before = await dataKeys.epoch(accountId, projectId, 'event')
  expect(await killed(step, 'data', projectId)).toBe('SIGKILL')
  await vi.waitFor(async () => expect((await underWay()).dataKeys).toEqual({}), { timeout: 20_000, interval: 100 })
  expect(await dataKeys.epoch(accountId, projectId, 'event')).toBe(before + 1)
  await everythingOpens()
})

test.each(retireSteps)('a master key whose retirement dies after "%s" is retired by the next try', async (step) => {
  const { platform } = server
  const old = platform.keyring.primary
  await rotateMaster(platform, { actor: 'operator:cli' })
  expect(await killed(step, 'retire', old.id)).toBe('SIGKILL')
  // The database gives the dead one's lock back as soon as it notices that nobody is there.
  await vi.waitFor(() => retireKey(platform, nameOfKek(old), 'operator:cli'), { timeout: 5_000, interval: 100 })
  const { keys } = await listKeys(platform)
  expect(keys.find((k) => k.id === old.id)).toMatchObject({ state: 'retired', provider: null, values: 0 })
  const retired = (await events()).filter(({ event }) => event.type === 'MasterKeyRetired')
  expect(retired.filter(({ event }) => JSON.stringify(event.data).includes(old.id))).toHaveLength(1)
  await everythingOpens()
})

// Who looks after rotations sees one under way, and by its turn it has ended: it must not begin another.
test('where nothing was begun, or all has ended, going on changes nothing', async () => {
  const { platform } = server
  const before = [await events(), await listKeys(platform)]
  expect(await resumeRotation(platform, 'system:keys')).toBe(undefined)
  expect(await resumeDataRotation(platform, projectId, 'system:keys')).toBe(undefined)
  expect([await events(), await listKeys(platform)]).toEqual(before)
})
