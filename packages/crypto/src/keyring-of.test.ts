import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { generateDataKey, rewrapDataKey } from './data-key.ts'
import { keyProviderContract } from './key-provider.testing.ts'
import { openAwsKms } from './keyring-awskms.ts'
import { openKeyringFile } from './keyring-file.ts'
import type { Keyring } from './keyring-of.ts'
import { keyringOf } from './keyring-of.ts'
import { Secret } from './secret.ts'
import type { KmsDouble } from './testing/kms-double.ts'
import { kmsCredentials, startKmsDouble } from './testing/kms-double.ts'

let folder: string
let kms: KmsDouble
let n = 0
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stewrd-keyring-'))
  kms = await startKmsDouble()
})
beforeEach(() => void n++)
afterAll(async () => {
  await kms.close()
  await rm(folder, { recursive: true })
})

const file = async () => {
  const path = join(folder, `${n}.json`)
  return { kind: 'file' as const, place: path, provider: await openKeyringFile(path) }
}
const aws = () => {
  const { accessKeyId, secretAccessKey, sessionToken } = kmsCredentials
  const signing = { accessKeyId, secretAccessKey: new Secret(secretAccessKey), sessionToken: new Secret(sessionToken) }
  const provider = openAwsKms({
    arn: kms.arns[0]!,
    endpoint: kms.endpoint,
    credentials: async () => signing,
    fetch,
    now: Date.now,
  })
  return { kind: 'awskms' as const, place: 'AWS KMS', provider }
}

describe('two providers as one', () => {
  keyProviderContract(async () => keyringOf([await file(), aws()]))
})

const ref = { accountId: 'a', scope: 'p', purpose: 'event', epoch: 1, id: 'dek-1' } as const
const aad = Buffer.from('aad')

test('moving to another provider: what the old one wrapped opens, and is wrapped again under the new one', async () => {
  const before = keyringOf([await file()])
  const { wrapped, kek } = await before.wrap(Buffer.alloc(32, 1), aad)
  const both: Keyring = keyringOf([aws(), await file()])
  expect(both.primary.id).toBe(kms.arns[0])
  expect(await both.unwrap(kek, wrapped, aad)).toEqual(Buffer.alloc(32, 1))
  const { dataKey: _, ...old } = await generateDataKey(before, ref)
  expect((await rewrapDataKey(both, ref, old)).kek).toEqual(both.primary)
  await expect(keyringOf([aws()]).unwrap(kek, wrapped, aad)).rejects.toMatchObject({
    code: 'KEK_MISSING',
    kekId: kek.id,
  })
})

test('a key that was added to a file elsewhere is found', async () => {
  const ring = keyringOf([await file(), aws()])
  const { provider } = await file()
  const added = await provider.manage.add()
  await provider.manage.setPrimary(added)
  const { kek, wrapped } = await provider.wrap(Buffer.alloc(32, 2), aad)
  expect(await ring.unwrap(kek, wrapped, aad)).toEqual(Buffer.alloc(32, 2))
})
