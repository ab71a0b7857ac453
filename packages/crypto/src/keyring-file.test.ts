import { chmod, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises'
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
