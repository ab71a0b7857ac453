import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { keyProviderContract } from './key-provider.testing.ts'
import { openPkcs11 } from './keyring-pkcs11.ts'
import { loadPkcs11 } from './pkcs11-module.ts'
import { openTokenKey } from './pkcs11-token.ts'
import { Pkcs11UriError, parsePkcs11Uri } from './pkcs11-uri.ts'
import { Secret } from './secret.ts'
import type { SoftHsm } from './testing/soft-hsm.ts'
import { createSoftHsm, hasSoftHsm, softHsmIsRequired } from './testing/soft-hsm.ts'

const uri = 'pkcs11:token=my%20token;object=kek-1?module-path=/lib/p11.so&pin-source=file:/run/pin'

test('a URI names library, token, key and the file of the PIN', () =>
  expect(parsePkcs11Uri(uri)).toEqual({
    modulePath: '/lib/p11.so',
    token: 'my token',
    object: 'kek-1',
    pinSource: '/run/pin',
  }))

test.each([
  ['a PIN', `${uri}&pin-value=97531`, /PIN/],
  ['no token', 'pkcs11:object=k?module-path=/lib/p11.so', /needs token=/],
  ['no library', 'pkcs11:token=t;object=k', /needs module-path=/],
  ['another attribute', `${uri}&slot-id=97531`, /other than/],
  ['a bad escape', 'pkcs11:token=%zz97531;object=k?module-path=/l', /%/],
])('a URI with %s is refused, and not repeated', (_what, bad, why) => {
  const parse = () => parsePkcs11Uri(bad)
  expect(parse).toThrow(Pkcs11UriError)
  expect(parse).toThrow(why)
  expect(parse).not.toThrow(/97531/)
})

test('a library that is not there, or a binding that is not built, is named', () =>
  expect(() => loadPkcs11('/nowhere/libp11.so')).toThrow(/\/nowhere\/libp11\.so|node-gyp rebuild/))

test('the token that CI requires is there', () =>
  expect(hasSoftHsm || !softHsmIsRequired, 'CI needs SoftHSM: apt-get install softhsm2').toBe(true))

describe.runIf(hasSoftHsm)('a key in a token', () => {
  let hsm: SoftHsm
  const optionsOf = (object: string) => ({ ...hsm, object, pin: () => Promise.resolve(hsm.pin) })
  beforeAll(async () => {
    hsm = await createSoftHsm()
    process.env.SOFTHSM2_CONF = hsm.variables.SOFTHSM2_CONF
  })
  afterAll(() => hsm.remove())

  keyProviderContract(() => openPkcs11(optionsOf('contract'), { create: true }))

  test('its bytes cannot be taken out', async () => {
    const { pkcs11, session, key } = await openTokenKey(optionsOf('sealed'), { create: true })
    const CKA_VALUE = 0x11
    expect(() => pkcs11.C_GetAttributeValue(session, key, [{ type: CKA_VALUE }])).toThrow(/CKR_ATTRIBUTE_SENSITIVE/)
  })

  test('one that could be taken out is refused by its name', async () => {
    const { pkcs11, session } = await openTokenKey(optionsOf('sealed'), { create: true })
    const CKM_AES_KEY_GEN = 0x1080
    pkcs11.C_GenerateKey(session, { mechanism: CKM_AES_KEY_GEN }, [
      { type: 0, value: 4 },
      { type: 0x100, value: 0x1f },
      { type: 3, value: 'loose' },
      { type: 0x161, value: 32 },
      { type: 0x162, value: true },
      { type: 0x103, value: false },
    ])
    await expect(openPkcs11(optionsOf('loose'))).rejects.toMatchObject({
      code: 'KEK_MALFORMED',
      kekId: 'loose',
      message: expect.stringContaining('not extractable'),
    })
  })

  test('it is not made where it must be there already', () =>
    expect(openPkcs11(optionsOf('absent'))).rejects.toMatchObject({ code: 'KEK_MISSING', kekId: 'absent' }))

  test('a key that was destroyed and made again under its name does not open what the first one wrapped', async () => {
    const aad = Buffer.from('aad')
    const { kek, wrapped } = await (await openPkcs11(optionsOf('again'), { create: true })).wrap(Buffer.alloc(32), aad)
    const { pkcs11, session, key } = await openTokenKey(optionsOf('again'))
    pkcs11.C_DestroyObject(session, key)
    const other = await openPkcs11(optionsOf('again'), { create: true })
    await expect(other.unwrap(kek, wrapped, aad)).rejects.toMatchObject({ code: 'UNWRAP_FAILED', kekId: 'again' })
  })

  test('a session that the token dropped is opened again', async () => {
    const provider = await openPkcs11(optionsOf('lasting'), { create: true })
    const aad = Buffer.from('aad')
    const { kek, wrapped } = await provider.wrap(Buffer.alloc(32, 3), aad)
    const { pkcs11, session } = await openTokenKey(optionsOf('lasting'))
    const slot = pkcs11
      .C_GetSlotList(true)
      .find((one) => pkcs11.C_GetTokenInfo(one).label.trim() === hsm.token) as Buffer
    pkcs11.C_CloseSession(session)
    ;(pkcs11 as unknown as { C_CloseAllSessions(slot: Buffer): void }).C_CloseAllSessions(slot)
    expect(await provider.unwrap(kek, wrapped, aad)).toEqual(Buffer.alloc(32, 3))
  })

  test('many at once take turns', async () => {
    const provider = await openPkcs11(optionsOf('contract'), { create: true })
    const aad = Buffer.from('aad')
    const keys = Array.from({ length: 50 }, (_, i) => Buffer.alloc(32, i))
    const wrapped = await Promise.all(keys.map((key) => provider.wrap(key, aad)))
    expect(await Promise.all(wrapped.map((w) => provider.unwrap(w.kek, w.wrapped, aad)))).toEqual(keys)
  })

  test('a wrong PIN is refused without showing it', async () => {
    const { pkcs11, session } = await openTokenKey(optionsOf('sealed'), { create: true })
    ;(pkcs11 as unknown as { C_Logout(session: Buffer): void }).C_Logout(session)
    const wrong = { ...optionsOf('sealed'), pin: () => Promise.resolve(new Secret('wrong-97531')) }
    const error: unknown = await openPkcs11(wrong).catch((e: unknown) => e)
    expect(error).toMatchObject({ code: 'KEYRING_UNAVAILABLE', message: expect.stringContaining('STEWRD_PKCS11_PIN') })
    expect(`${String(error)} ${JSON.stringify(error)}`).not.toContain('97531')
  })
})
