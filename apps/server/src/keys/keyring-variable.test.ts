import { resolve } from 'node:path'
import { expect, test } from 'vitest'
import { KeyringSpecError, parseKeyringVariable } from './keyring-variable.ts'

const arn = 'arn:aws:kms:eu-central-1:123456789012:key/00000001-aaaa-bbbb-cccc-dddddddddddd'
const token = 'pkcs11:token=t;object=k?module-path=/lib/p11.so&pin-source=file:/run/pin'

test('several places are read in their order, with spaces around commas', () => {
  expect(parseKeyringVariable(`awskms:${arn} , file:keys.json,${token}`)).toEqual([
    { kind: 'awskms', arn },
    { kind: 'file', path: resolve('keys.json') },
    {
      kind: 'pkcs11',
      uri: { modulePath: '/lib/p11.so', token: 't', object: 'k', pinSource: '/run/pin' },
    },
  ])
})

test('another endpoint of AWS KMS can be named', () => {
  const [spec] = parseKeyringVariable(`awskms:${arn}?endpoint=http://127.0.0.1:4566`)
  expect(spec).toEqual({ kind: 'awskms', arn, endpoint: 'http://127.0.0.1:4566' })
})

test.each([
  ['', 'part 1 must begin with file:'],
  ['/etc/keyring.json', 'part 1 must begin with file:'],
  ['file:', 'part 1 needs a path'],
  ['file:a,', 'part 2 must begin with file:'],
  ['awskms:alias/secret97531', 'part 1 must be awskms: and the ARN'],
  [`awskms:${arn}?endpoint=ftp://secret97531`, 'part 1 may have ?endpoint='],
  [`awskms:${arn}?endpoint=https://user:secret97531@host`, 'part 1 may have ?endpoint='],
  [`file:a,pkcs11:token=t;object=k?module-path=/l&pin-value=secret97531`, 'part 2 '],
])('"%s" is refused by its place, and not repeated', (text, why) => {
  const parse = () => parseKeyringVariable(text)
  expect(parse).toThrow(KeyringSpecError)
  expect(parse).toThrow(why)
  expect(parse).not.toThrow(/97531/)
})
