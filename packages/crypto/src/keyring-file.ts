import { createSecretKey, randomBytes } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { link, mkdir, open as openFile, readFile, stat, unlink } from 'node:fs/promises'
import { dirname } from 'node:path'
import { EnvelopeError, open, seal } from './gcm.ts'
import type { KekRef, KeyProvider } from './keyring.ts'
import { KeyringError } from './keyring.ts'

type StoredKey = { id: string; version: number; key: string }
type StoredKeyring = { format: 'stewrd/keyring/v1'; primary: KekRef; keys: StoredKey[] }

/** The master keys in the file at `path`, which only its owner may read. With `create`, a first start makes it; two at once agree on one. */
export async function openKeyringFile(
  path: string,
  { create = true }: { create?: boolean } = {},
): Promise<KeyProvider> {
  const text = (await readKeyring(path)) ?? (create ? await createKeyring(path) : undefined)
  if (text === undefined)
    throw new KeyringError(
      'KEYRING_MISSING',
      `There is no keyring at ${path}. Put the keyring file back, or point STEWRD_HOME to where it lies.`,
    )
  return providerOf(parse(text, path), path)
}

async function readKeyring(path: string): Promise<string | undefined> {
  try {
    const { mode } = await stat(path)
    if (mode & 0o077)
      throw new KeyringError('KEYRING_PERMISSIONS', `Others may read the keyring at ${path}. Run: chmod 600 ${path}`)
    return await readFile(path, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
}

/** Whole or not at all: written beside, flushed, then linked to its name, which fails if somebody else was first. */
async function createKeyring(path: string): Promise<string> {
  const kek: StoredKey = {
    id: `kek_${randomBytes(8).toString('hex')}`,
    version: 1,
    key: randomBytes(32).toString('base64'),
  }
  const keyring: StoredKeyring = {
    format: 'stewrd/keyring/v1',
    primary: { id: kek.id, version: kek.version },
    keys: [kek],
  }
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  const draft = `${path}.${randomBytes(6).toString('hex')}`
  const file = await openFile(draft, 'wx', 0o600)
  try {
    await file.writeFile(`${JSON.stringify(keyring, null, 2)}\n`)
    await file.sync()
  } finally {
    await file.close()
  }
  try {
    await link(draft, path)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
  } finally {
    await unlink(draft)
  }
  const dir = await openFile(dirname(path), 'r')
  try {
    await dir.sync()
  } finally {
    await dir.close()
  }
  return (await readKeyring(path))!
}

function parse(text: string, path: string): StoredKeyring {
  const bad = (what: string, kekId?: string) =>
    new KeyringError(
      kekId ? 'KEK_MALFORMED' : 'KEYRING_MALFORMED',
      `The keyring at ${path} is damaged: ${what}. Restore it from your backup.`,
      kekId,
    )
  let ring: Partial<StoredKeyring>
  try {
    ring = JSON.parse(text) as Partial<StoredKeyring>
  } catch {
    throw bad('it is not JSON')
  }
  if (ring.format !== 'stewrd/keyring/v1') throw bad('its format is not stewrd/keyring/v1')
  if (!Array.isArray(ring.keys) || ring.keys.length === 0) throw bad('it has no keys')
  for (const { id, version, key } of ring.keys) {
    if (typeof id !== 'string' || !id || !Number.isSafeInteger(version) || version < 1)
      throw bad('a key has no id or version')
    const bytes = typeof key === 'string' ? Buffer.from(key, 'base64') : Buffer.alloc(0)
    if (bytes.length !== 32 || bytes.toString('base64') !== key) throw bad(`key ${id} is not 32 bytes of base64`, id)
  }
  const { primary } = ring
  if (!ring.keys.some((k) => k.id === primary?.id && k.version === primary.version))
    throw bad('its primary key is not in it')
  return ring as StoredKeyring
}

function providerOf(ring: StoredKeyring, path: string): KeyProvider {
  const keys = new Map<string, KeyObject>(
    ring.keys.map((k) => [nameOf(k), createSecretKey(Buffer.from(k.key, 'base64'))]),
  )
  return {
    primary: ring.primary,
    keys: ring.keys.map(({ id, version }) => ({ id, version })),
    async wrap(key, aad) {
      return { kek: ring.primary, wrapped: seal(keys.get(nameOf(ring.primary))!, aad, key) }
    },
    async unwrap(kek, wrapped, aad) {
      const key = keys.get(nameOf(kek))
      if (!key)
        throw new KeyringError(
          'KEK_MISSING',
          `The keyring at ${path} has no master key ${nameOf(kek)}. Restore the keyring that has it.`,
          kek.id,
        )
      try {
        return open(key, aad, wrapped)
      } catch (error) {
        if (!(error instanceof EnvelopeError)) throw error
        throw new KeyringError(
          'UNWRAP_FAILED',
          `The master key ${nameOf(kek)} in ${path} does not open a stored data key: it is another key of the same name, or the row was changed.`,
          kek.id,
        )
      }
    },
  }
}

const nameOf = ({ id, version }: KekRef) => `${id}/${version}`
