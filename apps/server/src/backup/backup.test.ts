import { randomUUID } from 'node:crypto'
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { generateIdentity, identityToRecipient } from 'age-encryption'
import { openKeyringFile } from '@stewrd/crypto/keyring-file.ts'
import { Secret } from '@stewrd/crypto/secret.ts'
import { connect, disconnect } from '@stewrd/db/connect.ts'
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { createLogger } from '../kernel/log.ts'
import type { Platform } from '../platform.ts'
import { createPlatform } from '../platform.ts'
import { createProject } from '../projects/service.ts'
import type { Bed } from '../runs/v1.testing.ts'
import { keyA, openBed } from '../runs/v1.testing.ts'
import { systemHealth } from '../system/router.ts'
import { stewrd } from '../testing/server-process.ts'
import { backUp } from './backup.ts'
import { drill } from './drill.ts'
import { restore } from './restore.ts'
import { emptyPlace } from './testing/empty-place.ts'

const log = createLogger({ production: true, logLevel: 'silent' })
const passphrase = `correct horse ${randomUUID()}`
let identities: Secret
let recipients: string[]
let folder: string
let bed: Bed
beforeAll(async () => {
  const identity = await generateIdentity()
  identities = new Secret(identity)
  recipients = [await identityToRecipient(identity)]
  folder = await mkdtemp(join(tmpdir(), 'stewrd-backups-'))
  bed = await openBed()
})
afterAll(async () => {
  await bed.close()
  await rm(folder, { recursive: true, force: true })
})

const source = () => ({ url: bed.tested.database.url, env: bed.tested.env })
const keyringOf = () => join(bed.tested.env.home, 'keyring.json')
const write = (platform: Platform) => createProject(platform, { name: 'x' }, 'operator:test')
const backedUp = async (withMasterKey = false) => {
  const file = join(folder, randomUUID())
  return { file, done: await backUp(source(), { file, to: { recipients }, withMasterKey, version: '0' }) }
}
const signedUpTo = (platform: Platform) =>
  vi.waitFor(
    async () => {
      const { size, checkpoint } = (await systemHealth(platform)).log
      expect(checkpoint?.size).toBe(size)
      return size
    },
    { timeout: 15_000 },
  )
const logOf = (platform: Platform, below: number) =>
  platform.sql`select idx, project_id, stream, seq, type, at from log where idx < ${below} order by idx`

test('a backup under write load is the log up to one moment, and its history verifies', async () => {
  const load = { on: true }
  const writers = Array.from({ length: 4 }, async () => {
    while (load.on) await write(bed.tested.platform)
  })
  const { file, done } = await backedUp()
  const later = await backedUp()
  load.on = false
  await Promise.all(writers)
  expect(later.done.rows).toBeGreaterThan(done.rows)
  for (const one of [{ file, done }, later]) {
    const { restored, verified } = await drill(bed.tested.env, { file: one.file, key: { identities } })
    expect(verified).toMatchObject({ wrong: 0, findings: [], size: one.done.entries })
    expect(restored.header.log.size).toBe(one.done.entries)
  }
  const sql = connect(bed.tested.database.url, { max: 1, role: null })
  expect(await sql`select from pg_database where datname like 'stewrd_drill_%'`).toHaveLength(0)
  await disconnect(sql)
})

test('what is restored by the commands goes on: positions, order and proofs hold, and nothing secret is in the file', async () => {
  const { platform, database, env } = bed.tested
  await write(platform)
  const signed = await signedUpTo(platform)
  const file = join(folder, 'by-command')
  const variables = { STEWRD_BACKUP_PASSPHRASE: passphrase }
  const from = { variables: { ...variables, DATABASE_URL: database.url } }
  const made = await stewrd(env.home, ['--json', 'backup', file], from)
  expect(made).toMatchObject({ code: 0, stderr: '' })
  expect((await stat(file)).mode & 0o777).toBe(0o600)
  const { entries } = made.json() as { entries: number }
  expect(entries).toBeGreaterThanOrEqual(signed)

  const place = await emptyPlace({ keyring: keyringOf() })
  const to = { variables: { ...variables, DATABASE_URL: place.url } }
  const restored = await stewrd(place.home, ['--json', 'restore', file], to)
  expect(restored).toMatchObject({ code: 0, stderr: '' })
  expect(restored.json()).toMatchObject({ entries, with_master_key: false })

  const again = await createPlatform(place.env, { as: 'server', log })
  onTestFinished(() => again.close())
  expect(await logOf(again, entries)).toEqual(await logOf(platform, entries))
  expect(again.publicLog.verifierKey).toBe(platform.publicLog.verifierKey)
  await write(again)
  expect(await signedUpTo(again)).toBeGreaterThan(entries)
  expect((await again.verifier.verify('operator:test', { open: Number.MAX_SAFE_INTEGER })).findings).toEqual([])
  expect(await again.publicLog.examine()).toBeUndefined()

  const bytes = (await readFile(file)).toString('latin1')
  for (const secret of [
    keyA,
    passphrase,
    Buffer.from(keyA).toString('hex'),
    Buffer.from(passphrase).toString('base64'),
  ])
    for (const text of [bytes, made.stdout, restored.stdout]) expect(text.includes(secret)).toBe(false)
})

test('an older backup works, but is not signed: health says why', async () => {
  const { platform } = bed.tested
  await write(platform)
  const early = await signedUpTo(platform)
  const { file } = await backedUp()
  await write(platform)
  const late = await signedUpTo(platform)
  const place = await emptyPlace({ keyring: keyringOf(), variables: { STEWRD_ANCHOR_DIR: bed.tested.env.anchorDir } })
  await restore({ env: place.env, database: async () => place.url }, { file, key: { identities } })
  const again = await createPlatform(place.env, { as: 'server', log })
  onTestFinished(() => again.close())
  await vi.waitFor(async () => expect((await systemHealth(again)).log.alarm?.code).toBe('LOG_SHRANK'), 15_000)
  const { alarm, checkpoint } = (await systemHealth(again)).log
  expect(alarm?.message).toContain(`The log has ${early} entries, but a checkpoint of ${late} was signed`)
  expect(checkpoint?.size).toBe(early)
})

test('with its master key a backup needs no other keyring', async () => {
  const { file } = await backedUp(true)
  const { verified } = await drill({ ...bed.tested.env }, { file, key: { identities } })
  expect(verified.wrong).toBe(0)
  const place = await emptyPlace()
  await restore({ env: place.env, database: async () => place.url }, { file, key: { identities } })
  expect(await readFile(join(place.home, 'keyring.json'), 'utf8')).toBe(await readFile(keyringOf(), 'utf8'))
  expect((await stat(join(place.home, 'keyring.json'))).mode & 0o777).toBe(0o600)
  const inTheWay = await emptyPlace({ keyring: keyringOf() })
  await expect(
    restore({ env: inTheWay.env, database: async () => inTheWay.url }, { file, key: { identities } }),
  ).rejects.toMatchObject({ code: 'KEYRING_IN_THE_WAY' })
})

describe('is refused, and nothing is changed:', () => {
  let file: string
  let bytes: Buffer
  beforeAll(async () => {
    ;({ file } = await backedUp())
    bytes = await readFile(file)
  })

  test('a wrong key', async () => {
    const place = await emptyPlace({ keyring: keyringOf() })
    for (const key of [{ identities: new Secret(await generateIdentity()) }, { passphrase: new Secret('another') }])
      await expect(restore({ env: place.env, database: async () => place.url }, { file, key })).rejects.toMatchObject({
        code: 'KEY_WRONG',
      })
    expect(await place.contents()).toEqual([])
  })

  test('a file that was cut, changed or lengthened, wherever', async () => {
    const place = await emptyPlace({ keyring: keyringOf() })
    const flipped = (at: number) => {
      const copy = Buffer.from(bytes)
      copy[at]! ^= 1
      return copy
    }
    const damaged = [
      bytes.subarray(0, -1),
      bytes.subarray(0, bytes.length >> 1),
      bytes.subarray(0, 100),
      flipped(bytes.length - 5),
      flipped(bytes.length >> 1),
      flipped(400),
      Buffer.concat([bytes, Buffer.of(0)]),
      Buffer.alloc(0),
    ]
    for (const [i, content] of damaged.entries()) {
      const path = join(folder, `damaged-${i}`)
      await writeFile(path, content)
      await expect(
        restore({ env: place.env, database: async () => place.url }, { file: path, key: { identities } }),
        `damage ${i}`,
      ).rejects.toMatchObject({ code: expect.stringMatching(/BACKUP_DAMAGED|KEY_WRONG/) as string })
    }
    expect(await place.contents()).toEqual([])
  })

  test('a keyring that lacks the master key, or has another one', async () => {
    const [none, other] = [await emptyPlace(), await emptyPlace()]
    await openKeyringFile(join(other.home, 'keyring.json'))
    for (const { env, url, contents } of [none, other]) {
      const tried = restore({ env, database: async () => url }, { file, key: { identities } })
      await expect(tried).rejects.toMatchObject({ code: 'MASTER_KEY_MISSING' })
      await expect(tried).rejects.toThrow(/The data of \d+ projects needs the master key kek_/)
      expect(await contents()).toEqual([])
    }
  })

  test('a database with something in it, and a file that exists', async () => {
    const { env, database } = bed.tested
    await expect(
      restore({ env, database: async () => database.url }, { file, key: { identities } }),
    ).rejects.toMatchObject({ code: 'DATABASE_NOT_EMPTY' })
    await expect(
      backUp(source(), { file, to: { recipients }, withMasterKey: false, version: '0' }),
    ).rejects.toMatchObject({ code: 'FILE_EXISTS' })
    expect((await readFile(file)).equals(bytes)).toBe(true)
  })

  test('a recipient that is none, a short passphrase, and none at all', async () => {
    const { home } = bed.tested.env
    const to = (args: string[], variables: Record<string, string> = {}) =>
      stewrd(home, ['backup', join(folder, 'never'), ...args], {
        variables: { DATABASE_URL: bed.tested.database.url, ...variables },
      })
    expect(await to(['--recipient', 'age1nonsense'])).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('not an age recipient') as string,
    })
    expect(await to([], { STEWRD_BACKUP_PASSPHRASE: 'short' })).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('shorter than 12') as string,
    })
    expect(await to([])).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('Set STEWRD_BACKUP_PASSPHRASE') as string,
    })
    await expect(stat(join(folder, 'never'))).rejects.toMatchObject({ code: 'ENOENT' })
  })
})
