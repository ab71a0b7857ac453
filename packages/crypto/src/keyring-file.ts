import { createSecretKey, randomBytes } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { link, mkdir, open as openFile, readdir, readFile, rename, stat, unlink } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { EnvelopeError, open, seal } from './gcm.ts'
import type { StoredKeyring } from './keyring-format.ts'
import { newStoredKey, parseKeyring, refOf, serializeKeyring } from './keyring-format.ts'
import type { KekRef, KeyProvider } from './keyring.ts'
import { KeyringError, nameOfKek, sameKek } from './keyring.ts'

/** The master keys in the file at `path`, which only its owner may read. With `create`, a first start makes it; two at once agree on one. */
export async function openKeyringFile(
  path: string,
  { create = true }: { create?: boolean } = {},
): Promise<KeyringFile> {
  const found = (await readKeyring(path)) ?? (create ? await createKeyring(path) : undefined)
  if (found === undefined) throw missing(path)
  return new KeyringFile(path, found)
}

type Read = { ring: StoredKeyring; stamp: string }

/** Follows the file: another process may add keys to it, or change the primary one, at any time. */
class KeyringFile implements KeyProvider {
  readonly #path: string
  #read: Read
  #keys: Map<string, KeyObject>

  constructor(path: string, read: Read) {
    this.#path = path
    this.#read = read
    this.#keys = keysOf(read.ring)
  }

  get primary(): KekRef {
    return refOf(this.#read.ring.primary)
  }

  get keys(): readonly KekRef[] {
    return this.#read.ring.keys.map(refOf)
  }

  /** Under the key that the file names as primary at this moment. */
  async wrap(key: Buffer, aad: Buffer) {
    await this.refresh()
    const kek = this.primary
    return { kek, wrapped: seal(this.#keys.get(nameOfKek(kek))!, aad, key) }
  }

  async unwrap(kek: KekRef, wrapped: Buffer, aad: Buffer): Promise<Buffer> {
    const name = nameOfKek(kek)
    if (!this.#keys.has(name)) await this.refresh()
    const key = this.#keys.get(name)
    if (!key)
      throw new KeyringError(
        'KEK_MISSING',
        `The keyring at ${this.#path} has no master key ${name}. Restore the keyring that has it.`,
        kek.id,
      )
    try {
      return open(key, aad, wrapped)
    } catch (error) {
      if (!(error instanceof EnvelopeError)) throw error
      throw new KeyringError(
        'UNWRAP_FAILED',
        `The master key ${name} in ${this.#path} does not open a stored data key: it is another key of the same name, or the row was changed.`,
        kek.id,
      )
    }
  }

  async refresh(): Promise<void> {
    if ((await stampOf(this.#path)) === this.#read.stamp) return
    const read = await readKeyring(this.#path)
    // A file that is away for a moment takes nothing from a server that runs.
    if (read) this.#take(read)
  }

  readonly manage = {
    add: async (): Promise<KekRef> => {
      const key = newStoredKey()
      await this.#change((ring) => ({ ...ring, keys: [...ring.keys, key] }))
      return refOf(key)
    },
    setPrimary: (kek: KekRef): Promise<void> =>
      this.#change((ring) => {
        if (!ring.keys.some((k) => sameKek(k, kek)))
          throw new KeyringError('KEK_MISSING', `The keyring at ${this.#path} has no key ${nameOfKek(kek)}.`, kek.id)
        return { ...ring, primary: refOf(kek) }
      }),
    remove: (kek: KekRef): Promise<void> =>
      this.#change((ring) => {
        if (sameKek(ring.primary, kek)) throw new RangeError('the primary key cannot be removed')
        return { ...ring, keys: ring.keys.filter((k) => !sameKek(k, kek)) }
      }),
  }

  async #change(change: (ring: StoredKeyring) => StoredKeyring): Promise<void> {
    const read = await readKeyring(this.#path)
    if (!read) throw missing(this.#path)
    const draft = await writeDraft(this.#path, change(read.ring))
    await rename(draft, this.#path)
    await removeDrafts(this.#path)
    await syncFolder(this.#path)
    this.#take((await readKeyring(this.#path))!)
  }

  #take(read: Read): void {
    this.#read = read
    this.#keys = keysOf(read.ring)
  }
}

const missing = (path: string) =>
  new KeyringError(
    'KEYRING_MISSING',
    `There is no keyring at ${path}. Put the keyring file back, or point STEWRD_HOME or STEWRD_KEYRING to where it lies.`,
  )

const keysOf = (ring: StoredKeyring) =>
  new Map(ring.keys.map((k) => [nameOfKek(k), createSecretKey(Buffer.from(k.key, 'base64'))]))

/** Changes with every replacement of the file; undefined when there is none. Refuses a file that others may read. */
async function stampOf(path: string): Promise<string | undefined> {
  try {
    const { mode, ino, mtimeMs, size } = await stat(path)
    if (mode & 0o077)
      throw new KeyringError('KEYRING_PERMISSIONS', `Others may read the keyring at ${path}. Run: chmod 600 ${path}`)
    return `${ino}/${mtimeMs}/${size}`
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw unreadable(error, path)
  }
}

async function readKeyring(path: string): Promise<Read | undefined> {
  const stamp = await stampOf(path)
  if (stamp === undefined) return undefined
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    throw unreadable(error, path)
  })
  return { ring: parseKeyring(text, path), stamp }
}

/** Whole or not at all: written beside, flushed, then linked to its name, which fails if somebody else was first. */
async function createKeyring(path: string): Promise<Read> {
  const kek = newStoredKey()
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  const draft = await writeDraft(path, { format: 'stewrd/keyring/v1', primary: refOf(kek), keys: [kek] })
  try {
    await link(draft, path)
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error
  } finally {
    await unlink(draft)
  }
  await syncFolder(path)
  return (await readKeyring(path))!
}

async function writeDraft(path: string, ring: StoredKeyring): Promise<string> {
  const draft = `${path}.${randomBytes(6).toString('hex')}`
  const file = await openFile(draft, 'wx', 0o600)
  try {
    await file.writeFile(serializeKeyring(ring))
    await file.sync()
  } catch (error) {
    // On a full disk: a part of a keyring holds keys, too.
    await unlink(draft).catch(() => {})
    throw error
  } finally {
    await file.close()
  }
  return draft
}

/** What a crash left behind holds keys, also such as were destroyed since. */
async function removeDrafts(path: string): Promise<void> {
  const ours = `${basename(path)}.`
  const isDraft = (name: string) => name.startsWith(ours) && /^[0-9a-f]{12}$/.test(name.slice(ours.length))
  const names = (await readdir(dirname(path))).filter(isDraft)
  await Promise.all(names.map((name) => unlink(join(dirname(path), name)).catch(() => {})))
}

async function syncFolder(path: string): Promise<void> {
  const folder = await openFile(dirname(path), 'r')
  try {
    await folder.sync()
  } finally {
    await folder.close()
  }
}

const codeOf = (error: unknown) => (error instanceof Error && 'code' in error ? error.code : undefined)

/** Folders on the way that are none, no permission, a folder in its place. */
function unreadable(error: unknown, path: string): unknown {
  const code = codeOf(error)
  if (error instanceof KeyringError || typeof code !== 'string') return error
  return new KeyringError(
    'KEYRING_UNAVAILABLE',
    `The keyring at ${path} cannot be read (${code}). Check path and owner.`,
  )
}
