import { createHmac, createSecretKey } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { commandMac, hmacSha256 } from './mac.ts'

const bytes = (maxLength: number) => fc.uint8Array({ maxLength })

test('a mac is what Node makes of the same key and data, whatever their length, and however often the key is used', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 1, maxLength: 200 }), bytes(1000), bytes(1000), (secret, first, second) => {
      const key = createSecretKey(secret)
      for (const data of [first, second, first])
        expect(hmacSha256(key, data)).toEqual(createHmac('sha256', secret).update(data).digest())
    }),
  )
})

test('RFC 4231: short, long and text', () => {
  const cases = [
    [Buffer.alloc(20, 0x0b), 'Hi There', 'b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7'],
    [
      Buffer.from('Jefe'),
      'what do ya want for nothing?',
      '5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843',
    ],
    [
      Buffer.alloc(131, 0xaa),
      'Test Using Larger Than Block-Size Key - Hash Key First',
      '60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54',
    ],
  ] as const
  for (const [secret, data, expected] of cases)
    expect(hmacSha256(createSecretKey(secret), data).toString('hex')).toBe(expected)
})

test('text and its bytes have the same mac', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), fc.string({ unit: 'binary' }), (secret, text) => {
      const key = createSecretKey(secret)
      expect(commandMac(key, text)).toEqual(commandMac(key, Buffer.from(text, 'utf8')))
    }),
  )
})
