import { chmod, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { keyProviderContract } from './key-provider.testing.ts'
import { openKeyringFile } from './keyring-file.ts'

let folder: string
let path: string
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stewrd-keyring-'))
})
let n = 0
beforeEach(() => {
  path = join(folder, `${n++}`, 'keyring.json')
})
afterAll(() => rm(folder, { recursive: true }))

describe('as a key provider', () => {
  keyProviderContract(() => openKeyringFile(path))
})

test('a first start makes it for its owner alone; the next one finds it', async () => {
  const made = await openKeyringFile(path)
  expect((await stat(path)).mode & 0o777).toBe(0o600)
  expect((await openKeyringFile(path)).primary).toEqual(made.primary)
})

test('many first starts at once agree on one', async () => {
  const all = await Promise.all(Array.from({ length: 10 }, () => openKeyringFile(path)))
  expect(new Set(all.map(({ primary }) => primary.id)).size).toBe(1)
})

test('it is not made where it must be there already', async () => {
  await expect(openKeyringFile(path, { create: false })).rejects.toMatchObject({ code: 'KEYRING_MISSING' })
  await expect(stat(path)).rejects.toThrow('ENOENT')
})

test('one that others may read is refused, with the command that mends it', async () => {
  await openKeyringFile(path)
  await chmod(path, 0o640)
  await expect(openKeyringFile(path)).rejects.toMatchObject({
    code: 'KEYRING_PERMISSIONS',
    message: expect.stringContaining(`chmod 600 ${path}`),
  })
})

type Ring = {
  format: string
  primary: { id: string; version: number }
  keys: { id: string; version: number; key: string }[]
}
const damages: [string, string, (ring: Ring) => unknown][] = [
  ['no JSON', 'KEYRING_MALFORMED', () => '{'],
  ['another format', 'KEYRING_MALFORMED', (r) => ({ ...r, format: 'stewrd/keyring/v9' })],
  ['no keys', 'KEYRING_MALFORMED', (r) => ({ ...r, keys: [] })],
  ['a key without a version', 'KEYRING_MALFORMED', (r) => ({ ...r, keys: [{ ...r.keys[0], version: 0 }] })],
  ['a short key', 'KEK_MALFORMED', (r) => ({ ...r, keys: [{ ...r.keys[0], key: r.keys[0]!.key.slice(4) }] })],
  ['a key that is not base64', 'KEK_MALFORMED', (r) => ({ ...r, keys: [{ ...r.keys[0], key: `*${r.keys[0]!.key}` }] })],
  ['a primary key that is not in it', 'KEYRING_MALFORMED', (r) => ({ ...r, primary: { id: 'kek_other', version: 1 } })],
]
test.each(damages)('%s is refused by name, and no key is shown', async (_name, code, damage) => {
  await openKeyringFile(path)
  const ring = JSON.parse(await readFile(path, 'utf8')) as Ring
  const damaged = damage(ring)
  await writeFile(path, typeof damaged === 'string' ? damaged : JSON.stringify(damaged))
  const error: unknown = await openKeyringFile(path).catch((e: unknown) => e)
  expect(error).toMatchObject({ code, message: expect.stringContaining(path) })
  expect(String(error)).not.toContain(ring.keys[0]!.key.slice(4, 20))
})

test('a key that is another one under the same name does not open what the first one wrapped', async () => {
  const { kek, wrapped } = await (await openKeyringFile(path)).wrap(Buffer.alloc(32), Buffer.alloc(1))
  const ring = JSON.parse(await readFile(path, 'utf8')) as Ring
  ring.keys[0]!.key = Buffer.alloc(32, 9).toString('base64')
  await writeFile(path, JSON.stringify(ring))
  const other = await openKeyringFile(path)
  await expect(other.unwrap(kek, wrapped, Buffer.alloc(1))).rejects.toMatchObject({
    code: 'UNWRAP_FAILED',
    kekId: kek.id,
  })
})

const aad = Buffer.from('aad')

test('a key that another process added or made primary is followed without a restart', async () => {
  const [one, other] = [await openKeyringFile(path), await openKeyringFile(path)]
  const before = one.primary
  const added = await other.manage.add()
  expect(other.primary).toEqual(before)
  await other.manage.setPrimary(added)
  const { kek, wrapped } = await other.wrap(Buffer.alloc(32, 7), aad)
  expect(kek).toEqual(added)
  expect(await one.unwrap(kek, wrapped, aad)).toEqual(Buffer.alloc(32, 7))
  expect((await one.wrap(Buffer.alloc(32), aad)).kek).toEqual(added)
  expect(one.keys).toEqual([before, added])
})

test('a removed key is gone from the file, drafts of a crash included; the primary one stays', async () => {
  const ring = await openKeyringFile(path)
  const old = ring.primary
  const text = await readFile(path, 'utf8')
  const { key } = (JSON.parse(text) as Ring).keys[0]!
  await writeFile(`${path}.0123456789ab`, text, { mode: 0o600 })
  await expect(ring.manage.remove(old)).rejects.toThrow(RangeError)
  const added = await ring.manage.add()
  await ring.manage.setPrimary(added)
  await ring.manage.remove(old)
  await ring.manage.remove(old)
  expect((await openKeyringFile(path)).keys).toEqual([added])
  expect((await stat(path)).mode & 0o777).toBe(0o600)
  const beside = await readdir(join(path, '..'))
  expect(beside).toEqual(['keyring.json'])
  expect(await readFile(path, 'utf8')).not.toContain(key)
})

test('a file that is away for a moment takes nothing from a server that runs', async () => {
  const ring = await openKeyringFile(path)
  const { kek, wrapped } = await ring.wrap(Buffer.alloc(32), aad)
  await rm(path)
  expect(await ring.unwrap(kek, wrapped, aad)).toEqual(Buffer.alloc(32))
  expect((await ring.wrap(Buffer.alloc(32), aad)).kek).toEqual(kek)
})
