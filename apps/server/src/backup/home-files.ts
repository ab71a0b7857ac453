import { randomBytes } from 'node:crypto'
import { link, mkdir, open, readdir, readFile, unlink } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'

/** What a restore needs besides the database and the keyring: what was signed, kept outside of the database. */
const FOLDERS = ['log'] as const

/** Whether a path, relative to a home, is of a file that backups hold. */
export const belongsToBackup = (path: string): boolean => {
  const [folder, ...rest] = path.split('/')
  return FOLDERS.some((name) => name === folder) && rest.length > 0 && !rest.some((part) => part.startsWith('.'))
}

/** Paths relative to the home, in order. */
export async function homeFiles(home: string): Promise<string[]> {
  const found = await Promise.all(FOLDERS.map((folder) => filesIn(join(home, folder))))
  return found
    .flat()
    .map((path) => relative(home, path))
    .filter(belongsToBackup)
    .sort()
}

async function filesIn(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true }).catch(ignore('ENOENT'))
  return (entries ?? []).filter((entry) => entry.isFile()).map((file) => join(file.parentPath, file.name))
}

/** Undefined when it is gone meanwhile. */
export const contentOf = (path: string): Promise<Buffer | undefined> => readFile(path).catch(ignore('ENOENT'))

/** Writes a file whole, for its owner alone. False: one of this name is there already, and stays as it is. */
export async function writeNew(path: string, write: (draft: string) => Promise<void>): Promise<boolean> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  const draft = join(dirname(path), `.stewrd-${randomBytes(6).toString('hex')}`)
  try {
    await (await open(draft, 'wx', 0o600)).close()
    await write(draft)
    await flush(draft)
    return await link(draft, path).then(
      () => true,
      (error: unknown) => ignore('EEXIST')(error) ?? false,
    )
  } finally {
    await unlink(draft).catch(ignore('ENOENT'))
    await flush(dirname(path))
  }
}

async function flush(path: string): Promise<void> {
  const handle = await open(path, 'r').catch(ignore('ENOENT'))
  await handle?.sync()
  await handle?.close()
}

function ignore(code: string) {
  return (error: unknown): undefined => {
    if (!(error instanceof Error && 'code' in error && error.code === code)) throw error
  }
}
