import { createHash } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { signBackup } from '@stewrd/crypto/backup-seal.ts'
import type { NoteSigner } from '@stewrd/crypto/signed-note.ts'
import type { ReadTable, SnapshotShape, TableShape } from '@stewrd/db/backup/snapshot.ts'
import { readSnapshot } from '@stewrd/db/backup/snapshot.ts'
import type { Env } from '../env.ts'
import type { Archive } from './archive.ts'
import { newArchive } from './archive.ts'
import { BackupError } from './backup-error.ts'
import type { BackupManifest } from './format.ts'
import { headerOf } from './header.ts'
import { removeStaleDrafts, writeNew } from '../kernel/write-new.ts'
import { contentOf, homeFiles } from './home-files.ts'
import { ownKeyring } from './own-keyring.ts'
import type { SealTo } from './sealing.ts'
import { sealed, sealerOf } from './sealing.ts'

export type BackupOptions = {
  file: string
  to: SealTo
  /** The keyring too, as one file. Off: without the keyring, which is kept elsewhere, nobody reads the backup. */
  withMasterKey: boolean
  /** The log's key. Absent: the backup names no sender. */
  signer?: NoteSigner | undefined
  version: string
  onProgress?: (done: number, total: number) => void
}
/** What a backup holds. Times are unix milliseconds. */
export type BackedUp = {
  takenAt: number
  tables: number
  rows: number
  files: number
  entries: number
  bytes: number
  withMasterKey: boolean
  /** Whose it is: the name of the log. Null when it is not signed. */
  sender: string | null
}

type Source = { url: string; env: Pick<Env, 'home' | 'keyring'> }

/** Writes all of a deployment as it is at one moment, while it runs, into a sealed file that is there whole or not at all. */
export async function backUp({ url, env }: Source, options: BackupOptions): Promise<BackedUp> {
  const { file, to } = options
  const sealer = sealerOf(to)
  if (await stat(file).catch(() => undefined)) throw exists(file)
  await removeStaleDrafts(dirname(file))
  // Listed before the moment of the database: a checkpoint that is signed after it does not belong to this backup.
  const checkpoints = await homeFiles(env.home, 'log')
  let done: Omit<BackedUp, 'bytes'> | undefined
  const written = await writeNew(file, async (draft) => {
    done = await readSnapshot(url, async (shape, read) => {
      const archive = newArchive(new Date(shape.takenAt))
      const content = Readable.from(await sealed(sealer, archive.bytes))
      const filled = fill(archive, { shape, read, checkpoints, env, options })
      const out = pipeline(content, createWriteStream(draft))
      // Whichever fails first stops the other, and both have ended before the database's moment does.
      const [, wrote] = await Promise.allSettled([filled.catch((error: unknown) => archive.fail(error)), out])
      if (wrote.status === 'rejected') throw wrote.reason
      return filled
    })
  }).catch((error: unknown) => unwritable(file, error))
  if (!written) throw exists(file)
  return { ...done!, bytes: (await stat(file)).size }
}

/** Disk full, no such folder, not allowed. */
function unwritable(file: string, error: unknown): never {
  if (!(error instanceof Error && 'syscall' in error && 'code' in error)) throw error
  throw new BackupError('FILE_UNWRITABLE', `${file} cannot be written (${String(error.code)}). Nothing is left of it.`)
}

type Filling = {
  shape: SnapshotShape
  read: ReadTable
  checkpoints: readonly string[]
  env: Source['env']
  options: BackupOptions
}

async function fill(archive: Archive, all: Filling): Promise<Omit<BackedUp, 'bytes'>> {
  const { shape, read, checkpoints, env, options } = all
  const keyring = options.withMasterKey ? await ownKeyring(env, shape.masterKeys) : undefined
  const header = Buffer.from(JSON.stringify(headerOf(shape, options)))
  const manifest: BackupManifest = { header: digestOf(header), tables: {}, files: {} }
  await archive.add('header.json', header)
  if (keyring) await addFile(archive, manifest, 'keyring/keyring.json', keyring)
  // Listed after the moment of the database: a file is stored before its event, so none that this database knows is missing.
  for (const path of [...checkpoints, ...(await homeFiles(env.home, 'files'))]) {
    const content = await contentOf(join(env.home, path))
    if (content) await addFile(archive, manifest, `files/${path}`, content)
  }
  const rows = shape.tables.reduce((sum, table) => sum + table.rows, 0)
  let done = 0
  const saw = () => options.onProgress?.(Math.min(++done, rows), rows)
  for (const table of shape.tables) manifest.tables[table.name] = await addTable(archive, table, read, saw)
  const last = Buffer.from(JSON.stringify(manifest))
  await archive.add('manifest.json', last)
  if (options.signer) await archive.add('manifest.sig', Buffer.from(signBackup(options.signer, sha256(last))))
  archive.end()
  return {
    takenAt: shape.takenAt,
    tables: shape.tables.length,
    rows,
    files: Object.keys(manifest.files).length,
    entries: shape.log.size,
    withMasterKey: options.withMasterKey,
    sender: options.signer?.name ?? null,
  }
}

async function addFile(archive: Archive, manifest: BackupManifest, name: string, content: Buffer): Promise<void> {
  manifest.files[name] = digestOf(content)
  await archive.add(name, content)
}

const PART_BYTES = 1 << 22

/** In parts, because an entry says its length before its bytes, and memory holds one of them. */
async function addTable(archive: Archive, table: TableShape, read: ReadTable, saw: () => void) {
  const hash = createHash('sha256')
  let [bytes, part, held]: [number, number, Buffer[]] = [0, 0, []]
  let size = 0
  const flush = async () => {
    const content = Buffer.concat(held)
    held = []
    size = 0
    await archive.add(`tables/${table.name}/${String(part++).padStart(8, '0')}`, content)
  }
  for await (const chunk of read(table)) {
    hash.update(chunk)
    bytes += chunk.length
    size += chunk.length
    held.push(Buffer.from(chunk))
    saw()
    if (size >= PART_BYTES) await flush()
  }
  if (size > 0) await flush()
  return { bytes, sha256: hash.digest('hex') }
}

const sha256 = (content: Uint8Array) => createHash('sha256').update(content).digest()

const digestOf = (content: Uint8Array) => ({
  bytes: content.length,
  sha256: sha256(content).toString('hex'),
})

const exists = (file: string) =>
  new BackupError('FILE_EXISTS', `${file} is there already, and a backup overwrites nothing. Give another name.`)
