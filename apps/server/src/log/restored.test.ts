import { cp, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect, disconnect } from '@stewrd/db/connect.ts'
import type { TestDatabase } from '@stewrd/db/testing/database.ts'
import { createTestDatabase } from '@stewrd/db/testing/database.ts'
import { afterEach, beforeEach, expect, onTestFinished, test, vi } from 'vitest'
import { readEnv } from '../env.ts'
import { createLogger } from '../kernel/log.ts'
import type { Platform } from '../platform.ts'
import { createPlatform } from '../platform.ts'
import { createProject } from '../projects/service.ts'
import { systemHealth } from '../system/router.ts'
import { checkpointFiles } from './checkpoint-files.ts'

const log = createLogger({ production: true, logLevel: 'silent' })
let database: TestDatabase
let homes: string
beforeEach(async () => {
  homes = await mkdtemp(join(tmpdir(), 'stewrd-homes-'))
  database = await createTestDatabase()
})
afterEach(async () => {
  await database.drop()
  await rm(homes, { recursive: true, force: true })
})

const start = (home: string, variables: NodeJS.ProcessEnv = {}): Promise<Platform> => {
  const env = readEnv({ DATABASE_URL: database.url, STEWRD_HOME: join(homes, home), NODE_ENV: 'test', ...variables })
  return createPlatform(env, { as: 'server', log })
}
const project = (platform: Platform) => createProject(platform, { name: 'x' }, 'operator:test')
const allSigned = (platform: Platform) =>
  vi.waitFor(
    async () => {
      const { size, checkpoint } = (await systemHealth(platform)).log
      expect(size).toBeGreaterThan(0)
      expect(checkpoint?.size).toBe(size)
      return size
    },
    { timeout: 15_000 },
  )

/** A backup as it is: all of the database, at a moment. */
async function backup(): Promise<TestDatabase> {
  const url = new URL(database.url)
  const name = `${url.pathname.slice(1)}_backup`
  const sql = connect(new URL('/postgres', url).href, { max: 1, role: null })
  await sql.unsafe(`create database ${name} template ${url.pathname.slice(1)} strategy wal_log`)
  await disconnect(sql)
  return { url: new URL(`/${name}`, url).href, drop: async () => {} }
}

test('a restored backup works, but is not signed: health says why', async () => {
  let platform = await start('home')
  await project(platform)
  const early = await allSigned(platform)
  await platform.close()
  const older = await backup()
  onTestFinished(async () => {
    const sql = connect(new URL('/postgres', older.url).href, { max: 1, role: null })
    await sql.unsafe(`drop database ${new URL(older.url).pathname.slice(1)} with (force)`)
    await disconnect(sql)
  })
  platform = await start('home')
  await project(platform)
  const late = await allSigned(platform)
  await platform.close()

  platform = await start('home', { DATABASE_URL: older.url })
  onTestFinished(() => platform.close())
  await vi.waitFor(async () => expect((await systemHealth(platform)).log.alarm?.code).toBe('LOG_SHRANK'), 15_000)
  const { alarm, checkpoint } = (await systemHealth(platform)).log
  expect(alarm?.message).toContain(`The log has ${early} entries, but a checkpoint of ${late} was signed`)
  expect(checkpoint?.size).toBe(early)
  // Past the size that was signed, with another history.
  for (let i = 0; i < 3; i++) await project(platform)
  await vi.waitFor(async () => expect((await systemHealth(platform)).log.alarm?.code).toBe('LOG_REWRITTEN'), 15_000)
  expect((await systemHealth(platform)).log.checkpoint?.size).toBe(early)
})

test('what was logged last is signed before a stop', async () => {
  const platform = await start('home')
  await project(platform)
  await vi.waitFor(async () => expect(await platform.history.size()).toBeGreaterThan(0), 10_000)
  const size = await platform.history.size()
  await platform.close()
  const own = await checkpointFiles(join(homes, 'home', 'log', 'checkpoints')).latest()
  expect(own?.size).toBeGreaterThanOrEqual(size)
})

test('of two nodes one signs and both serve it; when it stops, the other goes on', async () => {
  const first = await start('a')
  await project(first)
  await allSigned(first)
  await cp(join(homes, 'a', 'keyring.json'), join(homes, 'b', 'keyring.json'))
  const second = await start('b')
  onTestFinished(() => second.close())
  expect(second.publicLog.verifierKey).toBe(first.publicLog.verifierKey)
  await project(second)
  const size = await allSigned(second)
  expect(first.publicLog.published.latest?.note).toBe((await second.publicLog.published.refresh())?.note)
  await first.close()
  await project(second)
  expect(await allSigned(second)).toBeGreaterThan(size)
  expect((await systemHealth(second)).log.alarm).toBeNull()
})
