import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { keyProviderContract } from './key-provider.testing.ts'
import type { AwsKmsOptions } from './keyring-awskms.ts'
import { openAwsKms } from './keyring-awskms.ts'
import { Secret } from './secret.ts'
import { signV4 } from './sigv4.ts'
import type { KmsDouble } from './testing/kms-double.ts'
import { kmsCredentials, startKmsDouble } from './testing/kms-double.ts'

let kms: KmsDouble
beforeAll(async () => {
  kms = await startKmsDouble()
})
afterAll(() => kms.close())

const credentials = (secret = kmsCredentials.secretAccessKey) => ({
  accessKeyId: kmsCredentials.accessKeyId,
  secretAccessKey: new Secret(secret),
  sessionToken: new Secret(kmsCredentials.sessionToken),
})
const open = (options: Partial<AwsKmsOptions> = {}) =>
  openAwsKms({
    arn: kms.arns[0]!,
    endpoint: kms.endpoint,
    credentials: async () => credentials(),
    fetch,
    now: Date.now,
    ...options,
  })
const aad = Buffer.from('aad')

describe('as a key provider', () => {
  keyProviderContract(async () => open())
})

test('the signature is that of the example in the AWS documentation', () => {
  const { authorization } = signV4(
    {
      method: 'GET',
      url: 'https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08',
      headers: { 'content-type': 'application/x-www-form-urlencoded; charset=utf-8' },
      body: '',
    },
    {
      region: 'us-east-1',
      service: 'iam',
      at: Date.UTC(2015, 7, 30, 12, 36),
      credentials: {
        accessKeyId: 'AKIDEXAMPLE',
        secretAccessKey: new Secret('wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY'),
      },
    },
  )
  expect(authorization).toBe(
    'AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, SignedHeaders=content-type;host;x-amz-date, Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7',
  )
})

test('the associated data is the encryption context, in both directions', async () => {
  const provider = open()
  const before = kms.calls.length
  const { kek, wrapped } = await provider.wrap(Buffer.alloc(32), aad)
  await provider.unwrap(kek, wrapped, aad)
  const context = { stewrd: aad.toString('base64') }
  expect(kms.calls.slice(before)).toEqual([
    { operation: 'Encrypt', context },
    { operation: 'Decrypt', context },
  ])
})

test('a key that AWS does not have, or no longer lets be used, is refused by its name', async () => {
  const arn = kms.arns[0]!.replace('0000', '9999')
  await expect(open({ arn }).wrap(Buffer.alloc(32), aad)).rejects.toMatchObject({ code: 'KEK_MISSING', kekId: arn })
})

test('wrong credentials, a dead endpoint and a stranger at it are told from a wrong key, without secrets', async () => {
  const broken = [
    open({ credentials: async () => credentials('another-secret-97531') }),
    open({ endpoint: 'http://127.0.0.1:1' }),
    open({ fetch: async () => new Response('<html>97531</html>') }),
  ]
  for (const provider of broken) {
    const error: unknown = await provider.wrap(Buffer.alloc(32, 1), aad).catch((e: unknown) => e)
    expect(error).toMatchObject({ code: 'KEYRING_UNAVAILABLE', kekId: kms.arns[0] })
    const said = `${String(error)} ${JSON.stringify(error)}`
    for (const secret of ['97531', Buffer.alloc(32, 1).toString('base64'), 'quotes']) expect(said).not.toContain(secret)
  }
})
