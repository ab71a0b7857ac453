// What cannot be restored or written is refused, and nothing is changed.
import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { generateIdentity } from 'age-encryption'
import { openKeyringFile } from '@stewrd/crypto/keyring-file.ts'
import { Secret } from '@stewrd/crypto/secret.ts'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { stewrd } from '../testing/server-process.ts'
import { backUp } from './backup.ts'
import { restore } from './restore.ts'
import type { Backups } from './testing/backups.ts'
import { openBackups } from './testing/backups.ts'
import { emptyPlace } from './testing/empty-place.ts'
import { rewritten } from './testing/rewritten.ts'

let backups: Backups
let file: string
let bytes: Buffer
beforeAll(async () => {
  backups = await openBackups()
  ;({ file } = await backups.backedUp())
  bytes = await readFile(file)
})
afterAll(() => backups.close())

test('a wrong key is refused, and nothing is changed', async () => {
  const place = await emptyPlace({ keyring: backups.keyring })
  for (const key of [{ identities: new Secret(await generateIdentity()) }, { passphrase: new Secret('another') }])
    await expect(restore({ env: place.env, database: async () => place.url }, { file, key })).rejects.toMatchObject({
      code: 'KEY_WRONG',
    })
  expect(await place.contents()).toEqual([])
})

test('a file that was cut, changed or lengthened is refused, wherever, and nothing is changed', async () => {
  const place = await emptyPlace({ keyring: backups.keyring })
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
    const path = join(backups.folder, `damaged-${i}`)
    await writeFile(path, content)
    await expect(
      restore({ env: place.env, database: async () => place.url }, { file: path, key: backups.key }),
      `damage ${i}`,
    ).rejects.toMatchObject({ code: expect.stringMatching(/BACKUP_DAMAGED|KEY_WRONG/) as string })
  }
  expect(await place.contents()).toEqual([])
})

test('a keyring that lacks the master key, or has another one, is refused, and nothing is changed', async () => {
  const [none, other] = [await emptyPlace(), await emptyPlace()]
  await openKeyringFile(join(other.home, 'keyring.json'))
  for (const { env, url, contents } of [none, other]) {
    const tried = restore({ env, database: async () => url }, { file, key: backups.key })
    await expect(tried).rejects.toMatchObject({ code: 'MASTER_KEY_MISSING' })
    await expect(tried).rejects.toThrow(/The data of 1 project needs the master key kek_/)
    expect(await contents()).toEqual([])
  }
})

test('what a newer Stewrd wrote is refused, and nothing is changed', async () => {
  const migrations = [{ name: '9999_later.sql', sha256: '0'.repeat(64) }]
  const path = join(backups.folder, 'newer')
  const place = await emptyPlace({ keyring: backups.keyring })
  for (const [i, change] of [{ migrations }, { format: 'stewrd-backup/3' }].entries()) {
    await rewritten(backups, file, { to: `${path}-${i}`, header: change })
    const tried = restore(
      { env: place.env, database: async () => place.url },
      { file: `${path}-${i}`, key: backups.key },
    )
    await expect(tried).rejects.toMatchObject({ code: 'BACKUP_NEWER' })
  }
  expect(await place.contents()).toEqual([])
})

test('a database with something in it and a file that exists stay as they are', async () => {
  const { env, database } = backups.bed.tested
  await expect(restore({ env, database: async () => database.url }, { file, key: backups.key })).rejects.toMatchObject({
    code: 'DATABASE_NOT_EMPTY',
  })
  await expect(
    backUp(backups.source, { file, to: { recipients: backups.recipients }, withMasterKey: false, version: '0' }),
  ).rejects.toMatchObject({ code: 'FILE_EXISTS' })
  expect((await readFile(file)).equals(bytes)).toBe(true)
})

test('a recipient that is none, a short passphrase, and none at all are refused', async () => {
  const { home } = backups.bed.tested.env
  const to = (args: string[], variables: Record<string, string> = {}) =>
    stewrd(home, ['backup', join(backups.folder, 'never'), ...args], {
      variables: { DATABASE_URL: backups.bed.tested.database.url, ...variables },
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
  await expect(stat(join(backups.folder, 'never'))).rejects.toMatchObject({ code: 'ENOENT' })
})
