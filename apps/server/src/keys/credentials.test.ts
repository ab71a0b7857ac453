import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Secret } from '@stewrd/crypto/secret.ts'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { awsCredentialsOf, pinOf, profileOf } from './credentials.ts'

let folder: string
const file = async (name: string, text: string) => {
  await writeFile(join(folder, name), text)
  return join(folder, name)
}
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'stewrd-credentials-'))
})
afterAll(() => rm(folder, { recursive: true }))

test('a PIN comes from pin-source, else from the file, else from the variable; one line break is dropped', async () => {
  const [source, named] = [await file('source', '111111\n'), await file('named', '222222\r\n')]
  const given = { pkcs11Pin: new Secret('333333'), pkcs11PinFile: named }
  expect((await pinOf(given, source)).reveal()).toBe('111111')
  expect((await pinOf(given)).reveal()).toBe('222222')
  expect((await pinOf({ pkcs11Pin: new Secret('333333') })).reveal()).toBe('333333')
})

test('a PIN that is nowhere, or in a file that cannot be read, is said to be missing with what to set', async () => {
  await expect(pinOf({})).rejects.toThrow('STEWRD_PKCS11_PIN_FILE')
  await expect(pinOf({}, join(folder, 'away'))).rejects.toThrow(/away, cannot be read \(ENOENT\)/)
})

const text = `
[default]
aws_access_key_id = AKIA1
aws_secret_access_key = one

[ stewrd ]
aws_access_key_id=AKIA2
aws_secret_access_key=t=w/o+
aws_session_token = session
region = eu-central-1
[half]
aws_access_key_id = AKIA3
`

test('a profile is read as the AWS tools write it', () => {
  expect(profileOf(text, 'stewrd')).toMatchObject({ accessKeyId: 'AKIA2' })
  expect(profileOf(text, 'stewrd')!.secretAccessKey.reveal()).toBe('t=w/o+')
  expect(profileOf(text, 'stewrd')!.sessionToken?.reveal()).toBe('session')
  expect(profileOf(text, 'default')!.sessionToken).toBeUndefined()
  expect(profileOf(text, 'half')).toBeUndefined()
  expect(profileOf(text, 'none')).toBeUndefined()
})

test('credentials that are not complete say where to look, and never what they are', async () => {
  const path = await file('aws', text)
  await expect(awsCredentialsOf({ awsFile: { path, profile: 'half' } })).rejects.toThrow('no complete profile half')
  await expect(awsCredentialsOf({ awsFile: { path, profile: 'half' } })).rejects.not.toThrow('AKIA3')
  await expect(awsCredentialsOf({})).rejects.toThrow('AWS_ACCESS_KEY_ID')
  const aws = { accessKeyId: 'AKIA4', secretAccessKey: new Secret('four') }
  expect(await awsCredentialsOf({ aws, awsFile: { path, profile: 'stewrd' } })).toBe(aws)
})
