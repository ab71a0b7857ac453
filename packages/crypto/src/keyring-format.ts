import { randomBytes } from 'node:crypto'
import type { KekRef } from './keyring.ts'
import { KeyringError, sameKek } from './keyring.ts'

export type StoredKey = { id: string; version: number; key: string }
export type StoredKeyring = { format: 'stewrd/keyring/v1'; primary: KekRef; keys: StoredKey[] }

/** A fresh master key of 32 random bytes. */
export const newStoredKey = (): StoredKey => ({
  id: `kek_${randomBytes(8).toString('hex')}`,
  version: 1,
  key: randomBytes(32).toString('base64'),
})

export const refOf = ({ id, version }: KekRef): KekRef => ({ id, version })

export const serializeKeyring = (ring: StoredKeyring): string => `${JSON.stringify(ring, null, 2)}\n`

/** What a keyring file says. Throws KEYRING_MALFORMED or KEK_MALFORMED, naming what is damaged and never a key. */
export function parseKeyring(text: string, path: string): StoredKeyring {
  const bad = (what: string, kekId?: string) =>
    new KeyringError(
      kekId ? 'KEK_MALFORMED' : 'KEYRING_MALFORMED',
      `The keyring at ${path} is damaged: ${what}. Restore it from your backup.`,
      kekId,
    )
  const ring = parseJson(text)
  if (ring === undefined) throw bad('it is not JSON')
  if (ring.format !== 'stewrd/keyring/v1') throw bad('its format is not stewrd/keyring/v1')
  if (!Array.isArray(ring.keys) || ring.keys.length === 0) throw bad('it has no keys')
  for (const { id, version, key } of ring.keys) {
    if (typeof id !== 'string' || !id || !Number.isSafeInteger(version) || version < 1)
      throw bad('a key has no id or version')
    const bytes = typeof key === 'string' ? Buffer.from(key, 'base64') : Buffer.alloc(0)
    if (bytes.length !== 32 || bytes.toString('base64') !== key) throw bad(`key ${id} is not 32 bytes of base64`, id)
  }
  const { primary } = ring
  if (!primary || !ring.keys.some((k) => sameKek(k, primary))) throw bad('its primary key is not in it')
  return ring as StoredKeyring
}

function parseJson(text: string): Partial<StoredKeyring> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? value : {}
  } catch {
    return undefined
  }
}
