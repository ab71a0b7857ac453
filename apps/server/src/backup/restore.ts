import { stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { checkCanary } from '@stewrd/crypto/canary.ts'
import { KeyringError, nameOfKek } from '@stewrd/crypto/keyring.ts'
import { DatabaseNotEmpty, loadSnapshot, refuseUnlessEmpty } from '@stewrd/db/backup/load.ts'
import { connect, disconnect } from '@stewrd/db/connect.ts'
import { DataKeys } from '@stewrd/db/data-keys.ts'
import { migrate, unknownMigrations } from '@stewrd/db/migrate.ts'
import type { Env } from '../env.ts'
import { egressOf } from '../kernel/egress-of.ts'
import { openKeyring } from '../keys/open-keyring.ts'
import { BackupError } from './backup-error.ts'
import type { FileFound } from './contents.ts'
import { checkBackup, openBackup } from './contents.ts'
import type { BackupHeader } from './format.ts'
import { shapeOf } from './header.ts'
import type { SenderPolicy, SenderProof } from './sender.ts'
import { confirmSender } from './sender.ts'
import { writeNew } from '../kernel/write-new.ts'
import type { OpenWith } from './sealing.ts'
import { damaged } from './sealing.ts'

export type RestoreOptions = {
  file: string
  key: OpenWith
  /** Whose backups are restored. Default: the home's own. */
  senders?: SenderPolicy
  /** `checking` reads the whole file before anything is changed, `restoring` reads it again. */
  onProgress?: (step: 'checking' | 'restoring', done: number, total: number) => void
}
/** Where it goes; `database` is asked for only when the file is whole and can be restored. */
export type RestoreInto = {
  env: Env
  database: () => Promise<string>
  /** Where a backup's own keyring goes. Absent: to the file of STEWRD_KEYRING. */
  ownKeyring?: string
}

/** What it is now, where, and with which keyring. `keptFiles` were there already. */
export type Restored = {
  header: BackupHeader
  proof: SenderProof
  files: number
  keptFiles: number
  migrated: string[]
  url: string
  env: Env
}

/**
 * Makes an empty database, and the files of a home, what they were. Checks all of the backup first, and that the keyring opens it: until then, and
 * if the database refuses anything, nothing is changed. Files that are there already stay.
 */
export async function restore(
  { env: given, database, ownKeyring }: RestoreInto,
  options: RestoreOptions,
): Promise<Restored> {
  const { file, key } = options
  const total = await sizeOf(file)
  const checked = await checkBackup({ file, key, onRead: counted(options, 'checking', total) })
  const { header } = checked
  await refuseNewer(header)
  const env = header.with_master_key && ownKeyring ? withKeyring(given, ownKeyring) : given
  const keyring = header.with_master_key ? await freePlace(env) : await checkKeyring(env, header)
  const proof = await confirmSender(checked, given, options.senders ?? {})
  const url = await database()
  await refuseUnlessEmpty(url).catch(notEmpty)
  const files: FileFound[] = []
  const reading = { file, key, onRead: counted(options, 'restoring', total) }
  const { parts } = await openBackup(
    reading,
    async (found) => {
      files.push(found)
    },
    ({ manifest }) => {
      if (manifest !== checked.manifest) throw damaged('Another file took its place while it was restored.')
    },
  )
  await loadSnapshot(url, shapeOf(header), parts).catch(notEmpty)
  const placed = await Promise.all(files.map((found) => place(found, env.home, keyring)))
  const { applied } = await migrate(url)
  await fits(url, env)
  const kept = placed.filter((fresh) => !fresh).length
  return { header, proof, files: files.length - kept, keptFiles: kept, migrated: applied, url, env }
}

const withKeyring = (env: Env, path: string): Env => ({ ...env, keyring: [{ kind: 'file', path }] })

function counted({ onProgress }: RestoreOptions, step: 'checking' | 'restoring', total: number) {
  let done = 0
  return (bytes: number) => onProgress?.(step, (done += bytes), total)
}

async function sizeOf(file: string): Promise<number> {
  const found = await stat(file).catch(() => undefined)
  if (!found?.isFile()) throw new BackupError('FILE_UNREADABLE', `${file} cannot be read: there is no such file.`)
  return found.size
}

async function refuseNewer({ migrations, version }: BackupHeader): Promise<void> {
  const unknown = await unknownMigrations(migrations)
  if (unknown.length === 0) return
  throw new BackupError(
    'BACKUP_NEWER',
    `The backup was made by Stewrd ${version} with ${unknown.at(-1)}, which this one does not know. Restore it with that version or a newer one; nothing was changed.`,
  )
}

/** Where the backup's own keyring goes. */
async function freePlace({ keyring: [first] }: Env): Promise<string> {
  const path = first.kind === 'file' ? first.path : undefined
  if (path && !(await stat(path).catch(() => undefined))) return path
  throw new BackupError(
    'KEYRING_IN_THE_WAY',
    path
      ? `The backup brings its master key, but ${path} is there already. Move it away, or set STEWRD_KEYRING to another file; nothing was changed.`
      : 'The backup brings its master key as a file. Set STEWRD_KEYRING to file:PATH to restore it; nothing was changed.',
  )
}

/** Refused with MASTER_KEY_MISSING, for every master key at once. */
async function checkKeyring(env: Env, { master_keys }: BackupHeader): Promise<undefined> {
  const egress = egressOf(env)
  try {
    const problems: string[] = []
    const keyring = await openKeyring({ env, egress }, { create: false }).catch(keyringProblem)
    for (const { canary, projects, ...kek } of master_keys) {
      const problem =
        keyring instanceof KeyringError
          ? keyring
          : canary &&
            (await checkCanary(keyring, kek, Buffer.from(canary, 'base64')).then(() => undefined, keyringProblem))
      if (problem)
        problems.push(
          `The data of ${projects} ${projects === 1 ? 'project' : 'projects'} needs the master key ${nameOfKek(kek)}. ${problem.message}`,
        )
    }
    if (problems.length > 0)
      throw new BackupError(
        'MASTER_KEY_MISSING',
        [...problems, 'A backup holds no master key unless it was asked to. Nothing was changed.'].join('\n'),
      )
    return undefined
  } finally {
    await egress.close()
  }
}

function keyringProblem(error: unknown): KeyringError {
  if (error instanceof KeyringError) return error
  throw error
}

function notEmpty(error: unknown): never {
  throw error instanceof DatabaseNotEmpty ? new BackupError('DATABASE_NOT_EMPTY', error.message) : error
}

const place = ({ kind, path, content }: FileFound, home: string, keyring: string | undefined): Promise<boolean> =>
  writeNew(kind === 'keyring' && keyring ? keyring : join(home, path), (draft) => writeFile(draft, content))

/** Opens a value under every master key in use. Throws KeyringMismatch. */
async function fits(url: string, env: Env): Promise<void> {
  const sql = connect(url, { max: 2, role: null, applicationName: 'stewrd-restore' })
  const egress = egressOf(env)
  try {
    await new DataKeys(sql, await openKeyring({ env, egress }, { create: false })).checkKeyring(sql)
  } finally {
    await Promise.all([disconnect(sql), egress.close()])
  }
}
