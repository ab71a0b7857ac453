import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Secret } from '@stewrd/crypto/secret.ts'
import { createEgress } from '@stewrd/runtime/egress/egress.ts'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { directoryStorage } from './directory-storage.ts'
import { startBucket } from './s3.testing.ts'
import { s3Storage } from './s3-storage.ts'
import type { FileStorage } from './storage.ts'
import { StorageError } from './storage.ts'

const credentials = { accessKeyId: 'AKIDTEST', secretAccessKey: 'SENTINEL-s3-secret' }
let bucket: Awaited<ReturnType<typeof startBucket>>
let home: string
beforeAll(async () => {
  bucket = await startBucket(credentials)
  home = await mkdtemp(join(tmpdir(), 'stewrd-storage-'))
})
afterAll(async () => {
  await bucket.close()
  await rm(home, { recursive: true, force: true })
})

const s3With = (secretAccessKey: string) => {
  const { fetch } = createEgress({ allow: [bucket.host] })
  const { accessKeyId } = credentials
  const settings = {
    endpoint: bucket.endpoint,
    region: 'auto',
    accessKeyId,
    secretAccessKey: new Secret(secretAccessKey),
  }
  return s3Storage(settings, fetch)
}
const storages: Record<string, () => FileStorage> = {
  directory: () => directoryStorage(join(home, 'files')),
  s3: () => s3With(credentials.secretAccessKey),
}
async function* parts(...texts: string[]) {
  for (const text of texts) yield Buffer.from(text)
}
const all = { from: 0, to: 1_000 }

describe.each(Object.keys(storages))('%s', (name) => {
  const storage = () => storages[name]!()

  test('what is written is read, also in parts and beyond its end', async () => {
    await storage().write('a/p/1', parts('hello ', 'world'))
    expect((await storage().read('a/p/1', all)).toString()).toBe('hello world')
    expect((await storage().read('a/p/1', { from: 3, to: 8 })).toString()).toBe('lo wo')
  })

  test('a content that breaks off leaves nothing', async () => {
    async function* broken() {
      yield Buffer.from('half')
      throw new RangeError('too long')
    }
    await expect(storage().write('a/p/2', broken())).rejects.toThrow(new RangeError('too long'))
    await expect(storage().read('a/p/2', all)).rejects.toMatchObject({ code: 'STORAGE_MISSING' })
    expect(await storage().count('a/p')).toBe(1)
  })

  test('a folder is counted and removed; its neighbour stays', async () => {
    await storage().write('a/p/3', parts('x'))
    await storage().write('a/pq/4', parts('y'))
    expect([await storage().count('a/p'), await storage().count('a/pq')]).toEqual([2, 1])
    await storage().remove('a/p/3')
    await storage().remove('a/p/3')
    await storage().removeAll('a/p')
    await storage().removeAll('a/p')
    expect([await storage().count('a/p'), await storage().count('a/pq')]).toEqual([0, 1])
  })
})

test('files of the directory are for their owner alone, and no drafts are left', async () => {
  const entries = await readdir(join(home, 'files'), { recursive: true })
  expect(entries.filter((path) => path.includes('.stewrd-'))).toEqual([])
})

test('a bucket that is away, or refuses, is a StorageError that tells nothing of it', async () => {
  const wrong = await s3With('another')
    .read('a/pq/4', all)
    .catch((error: unknown) => error)
  expect(wrong).toEqual(new StorageError('STORAGE_UNAVAILABLE'))
  bucket.fail(500)
  for (const work of [
    () => storages['s3']!().write('a/p/5', parts('x')),
    () => storages['s3']!().read('a/pq/4', all),
    () => storages['s3']!().remove('a/pq/4'),
    () => storages['s3']!().removeAll('a/pq'),
    () => storages['s3']!().count('a/pq'),
  ])
    await expect(work()).rejects.toEqual(new StorageError('STORAGE_UNAVAILABLE'))
  bucket.fail(undefined)
  expect(await storages['s3']!().count('a/pq')).toBe(1)
})

test('a private address is dialled only when the operator allows it', async () => {
  const { fetch } = createEgress()
  const settings = { ...credentials, secretAccessKey: new Secret('x'), endpoint: bucket.endpoint, region: 'auto' }
  const before = bucket.objects.size
  await expect(s3Storage(settings, fetch).write('a/p/6', parts('x'))).rejects.toEqual(
    new StorageError('STORAGE_UNAVAILABLE'),
  )
  expect(bucket.objects.size).toBe(before)
})
