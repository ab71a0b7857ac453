import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { DataKeyRef } from './data-key.ts'
import { generateDataKey, rewrapDataKey, unwrapDataKey } from './data-key.ts'
import type { KeyProvider } from './keyring.ts'

const ref: DataKeyRef = { accountId: 'a', scope: 'p', purpose: 'event', epoch: 1, id: 'dek-1' }

/** What every key provider keeps to. `make` opens one; it may be called once for each test. */
export function keyProviderContract(make: () => Promise<KeyProvider>): void {
  test('what was wrapped is what is unwrapped, under the primary key', async () => {
    const provider = await make()
    const key = randomBytes(32)
    const { kek, wrapped } = await provider.wrap(key, Buffer.from('aad'))
    expect(kek).toEqual(provider.primary)
    expect(provider.keys).toContainEqual(kek)
    expect(wrapped.includes(key)).toBe(false)
    expect(await provider.unwrap(kek, wrapped, Buffer.from('aad'))).toEqual(key)
  })

  test('wrapping twice gives other bytes', async () => {
    const provider = await make()
    const [one, two] = await Promise.all([1, 2].map(() => provider.wrap(Buffer.alloc(32), Buffer.alloc(1))))
    expect(one!.wrapped.equals(two!.wrapped)).toBe(false)
  })

  test('a changed bit, or other associated data, is refused by the name of the key', async () => {
    const provider = await make()
    const key = randomBytes(32)
    const { kek, wrapped } = await provider.wrap(key, Buffer.from('aad'))
    const refused = { code: 'UNWRAP_FAILED', kekId: kek.id }
    await expect(provider.unwrap(kek, wrapped, Buffer.from('other'))).rejects.toMatchObject(refused)
    for (const place of [0, 1, 13, wrapped.length - 1]) {
      const edited = Buffer.from(wrapped)
      edited[place]! ^= 1
      await expect(provider.unwrap(kek, edited, Buffer.from('aad'))).rejects.toMatchObject(refused)
    }
  })

  test('a key that is not there is refused by its name', async () => {
    const provider = await make()
    const { kek, wrapped } = await provider.wrap(Buffer.alloc(32), Buffer.alloc(1))
    for (const missing of [
      { ...kek, id: 'kek_missing' },
      { ...kek, version: kek.version + 1 },
    ])
      await expect(provider.unwrap(missing, wrapped, Buffer.alloc(1))).rejects.toMatchObject({
        code: 'KEK_MISSING',
        kekId: missing.id,
        message: expect.stringContaining(missing.id),
      })
  })

  test('no error says anything of the key that was wrapped', async () => {
    const provider = await make()
    const key = randomBytes(32)
    const { kek, wrapped } = await provider.wrap(key, Buffer.from('aad'))
    const error: unknown = await provider.unwrap(kek, wrapped, Buffer.from('other')).catch((e: unknown) => e)
    const said = `${String(error)} ${JSON.stringify(error)} ${String((error as Error).cause)}`
    for (const encoding of ['hex', 'base64', 'latin1'] as const) expect(said).not.toContain(key.toString(encoding))
  })

  test('a wrapped data key is bound to its account, scope, purpose, epoch and id', async () => {
    const provider = await make()
    const { dataKey, ...wrapped } = await generateDataKey(provider, ref)
    expect((await unwrapDataKey(provider, ref, wrapped)).key.equals(dataKey.key)).toBe(true)
    const again = await rewrapDataKey(provider, ref, wrapped)
    expect((await unwrapDataKey(provider, ref, again)).key.equals(dataKey.key)).toBe(true)
    const changes = fc.record(
      {
        accountId: fc.constant('b'),
        scope: fc.constant('q'),
        purpose: fc.constant('secret' as const),
        epoch: fc.constant(2),
        id: fc.constant('dek-2'),
      },
      { requiredKeys: [] },
    )
    await fc.assert(
      fc.asyncProperty(changes, async (change) => {
        fc.pre(Object.keys(change).length > 0)
        const moved: DataKeyRef = { ...ref, ...change }
        await expect(unwrapDataKey(provider, moved, wrapped)).rejects.toMatchObject({ code: 'UNWRAP_FAILED' })
      }),
      { numRuns: 20 },
    )
  })
}
