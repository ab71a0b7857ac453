import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { nameOfKek } from '@stewrd/crypto/keyring.ts'
import type { KmsDouble } from '@stewrd/crypto/testing/kms-double.ts'
import { kmsCredentials, startKmsDouble } from '@stewrd/crypto/testing/kms-double.ts'
import { createSoftHsm, hasSoftHsm } from '@stewrd/crypto/testing/soft-hsm.ts'
import { countElsewhere } from '@stewrd/db/master-keys/rewrap.ts'
import type { TestDatabase } from '@stewrd/db/testing/database.ts'
import { createTestDatabase } from '@stewrd/db/testing/database.ts'
import { afterEach, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { readEnv } from '../env.ts'
import { createLogger } from '../kernel/log.ts'
import type { Platform } from '../platform.ts'
import { createPlatform } from '../platform.ts'
import { createProject } from '../projects/service.ts'
import { stewrd } from '../testing/server-process.ts'
import { alone } from './custody.ts'
import { rotateMaster } from './rotate-master.ts'
import { listKeys, retireKey } from './service.ts'

const log = createLogger({ production: true, logLevel: 'silent' })
let home: string
let database: TestDatabase
let variables: NodeJS.ProcessEnv
beforeEach(async () => {
  home = await mkdtemp(join(tmpdir(), 'stewrd-moves-'))
  database = await createTestDatabase()
  variables = { DATABASE_URL: database.url, STEWRD_HOME: home, NODE_ENV: 'test' }
})
afterEach(async () => {
  await database.drop()
  await rm(home, { recursive: true, force: true })
})

const start = (keyring?: string, as: 'server' | 'command' = 'server'): Promise<Platform> =>
  createPlatform(readEnv({ ...variables, ...(keyring && { STEWRD_KEYRING: keyring }) }), { as, log })
const by = { actor: 'operator:test' }
const make = async (platform: Platform, name = 'x') =>
  (await createProject(platform, { name }, 'operator:test')).projectId
const opens = async (platform: Platform, projectId: string) => {
  const list = await platform.history.list(platform.accountId, { projectId })
  expect(list.length).toBeGreaterThan(0)
  expect(list.every((e) => e.unreadable === undefined)).toBe(true)
}

describe('master keys move to AWS KMS and back', () => {
  let kms: KmsDouble
  beforeEach(async () => {
    kms = await startKmsDouble()
    Object.assign(variables, {
      AWS_ACCESS_KEY_ID: kmsCredentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: kmsCredentials.secretAccessKey,
      AWS_SESSION_TOKEN: kmsCredentials.sessionToken,
      STEWRD_EGRESS_ALLOW: new URL(kms.endpoint).host,
    })
  })
  afterEach(() => kms.close())

  test('nothing is left under the place before, which can then be taken away', async () => {
    const file = `file:${join(home, 'keyring.json')}`
    const cloud = `awskms:${kms.arns[0]}?endpoint=${kms.endpoint}`
    let platform = await start(file)
    const projectId = await make(platform)
    await platform.close()

    platform = await start(`${cloud},${file}`)
    const there = await rotateMaster(platform, by)
    expect(await countElsewhere(platform.worker, there.to)).toBe(0)
    expect(platform.keyring.members.map((m) => m.kind)).toEqual(['awskms', 'file'])
    const { keys } = await listKeys(platform)
    expect(keys.find((k) => k.state === 'primary')).toMatchObject({ provider: 'awskms', problem: null })
    await platform.close()

    platform = await start(cloud)
    await opens(platform, projectId)
    const second = await make(platform, 'made under KMS')
    await platform.close()
    expect(kms.refused).toEqual([])

    platform = await start(`${file},${cloud}`)
    await rotateMaster(platform, by)
    await platform.close()
    platform = await start(file)
    await opens(platform, projectId)
    await opens(platform, second)
    await platform.close()
  }, 60_000)

  test('the place that one moves to may be a file that is not there yet', async () => {
    const cloud = `awskms:${kms.arns[0]}?endpoint=${kms.endpoint}`
    let platform = await start(cloud)
    const projectId = await make(platform)
    await platform.close()
    const file = `file:${join(home, 'new', 'keyring.json')}`
    platform = await start(`${file},${cloud}`)
    expect((await rotateMaster(platform, by)).left).toBe(0)
    await platform.close()
    platform = await start(file)
    await opens(platform, projectId)
    await platform.close()
  }, 60_000)

  test('a server that is missing a place refuses to start, and says which key and how many projects', async () => {
    const cloud = `awskms:${kms.arns[0]}?endpoint=${kms.endpoint}`
    const platform = await start(cloud)
    await make(platform)
    await platform.close()
    const other = `awskms:${kms.arns[1]}?endpoint=${kms.endpoint}`
    await expect(start(other)).rejects.toThrow(/The data of 1 project depends on the master key .*00000001/)
  })
})

test.runIf(hasSoftHsm)(
  'a server works on a token, and moves there from a file',
  async () => {
    const hsm = await createSoftHsm()
    process.env.SOFTHSM2_CONF = hsm.variables.SOFTHSM2_CONF
    onTestFinished(() => hsm.remove())
    variables.STEWRD_PKCS11_PIN = hsm.pin.reveal()
    const file = `file:${join(home, 'keyring.json')}`
    const token = `pkcs11:token=${hsm.token};object=kek-1?module-path=${hsm.modulePath}`
    let platform = await start(file)
    const projectId = await make(platform)
    await platform.close()
    // Alone it cannot be what the data depends on, so no key is made in it.
    await expect(start(token, 'command')).rejects.toThrow('There is no AES key "kek-1" in token "stewrd"')
    platform = await start(`${token},${file}`)
    await rotateMaster(platform, by)
    await platform.close()
    platform = await start(token)
    await opens(platform, projectId)
    await make(platform, 'made under the token')
    await platform.close()
  },
  60_000,
)

test('going back to a key that a rotation left lets writers go on all the while', async () => {
  const platform = await start()
  const first = platform.keyring.primary
  await rotateMaster(platform, by)
  const end = new AbortController()
  const failed: unknown[] = []
  let made = 0
  const writing = (async () => {
    while (!end.signal.aborted) {
      // Each makes data keys of its own, under whatever key is primary at that moment.
      await make(platform, `p${made}`).then(
        () => made++,
        (error: unknown) => failed.push(error),
      )
    }
  })()
  for (const to of [first, platform.keyring.primary, first]) await rotateMaster(platform, { ...by, to: nameOfKek(to) })
  end.abort()
  await writing
  expect(failed).toEqual([])
  expect(made).toBeGreaterThan(0)
  expect(platform.keyring.primary).toEqual(first)
  await platform.close()
}, 60_000)

test('a stored data key that cannot be opened is named, and the rotation ends once it is gone', async () => {
  const platform = await start()
  const projectId = await make(platform)
  const [damaged] = await platform.worker<{ id: string; wrapped: Buffer }[]>`
    update data_keys set wrapped = ${randomBytes(61)} where scope = ${projectId} and purpose = 'event' returning id, wrapped`
  await expect(rotateMaster(platform, by)).rejects.toMatchObject({
    code: 'DATA_KEYS_DAMAGED',
    details: { left: 1, keys: [{ dataKeyId: damaged!.id, scope: projectId }] },
  })
  const { keys, rotation } = await listKeys(platform)
  expect(rotation).not.toBeNull()
  expect(
    keys
      .filter((k) => k.values > 0)
      .map((k) => k.state)
      .toSorted(),
  ).toEqual(['closed', 'primary'])
  await platform.close()
}, 30_000)

test('one change of master keys at a time, and none while a server lacks the key', async () => {
  const platform = await start()
  await alone(platform.worker, async () => {
    await expect(rotateMaster(platform, by)).rejects.toMatchObject({ code: 'KEYRING_BUSY' })
    await expect(retireKey(platform, 'any', 'operator:test')).rejects.toMatchObject({ code: 'KEYRING_BUSY' })
  })
  const before = platform.keyring.primary
  await platform.worker`insert into nodes (id, master_keys) values ('behind', '{}')`
  const beating = setInterval(
    () => void platform.worker`update nodes set seen_at = now() where id = 'behind'`.catch(() => {}),
    1000,
  )
  onTestFinished(() => clearInterval(beating))
  await expect(rotateMaster(platform, by)).rejects.toMatchObject({
    code: 'MASTER_KEY_NOT_EVERYWHERE',
    details: { nodes: ['behind'] },
  })
  expect(platform.keyring.primary).toEqual(before)
  clearInterval(beating)
  await platform.close()
}, 60_000)

test('keys are made and data keys rotated on the command line', async () => {
  const platform = await start()
  const projectId = await make(platform)
  const cli = (...args: string[]) => stewrd(home, ['keys', ...args], { variables: { DATABASE_URL: database.url } })
  const added = (await cli('add', '--json')).json() as { key: string }
  const listed = (await cli('list', '--json')).lines() as { key: string; state: string; values: number }[]
  expect(listed.find((k) => k.key === added.key)).toMatchObject({ state: 'unused', values: 0 })
  const before = await platform.dataKeys.epoch(platform.accountId, projectId, 'event')
  const rotated = await cli('rotate-data', projectId)
  expect([rotated.code, rotated.stderr]).toEqual([0, ''])
  expect(await platform.dataKeys.epoch(platform.accountId, projectId, 'event')).toBe(before + 1)
  expect((await cli('rotate-data', 'nonsense')).code).toBe(2)
  expect((await cli('retire', added.key)).code).toBe(0)
  await platform.close()
}, 60_000)
