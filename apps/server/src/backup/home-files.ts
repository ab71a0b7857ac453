import { readdir, readFile } from 'node:fs/promises'
import { join, relative } from 'node:path'
import { ignore } from '../kernel/write-new.ts'

/** What a restore needs besides the database and the keyring: what was signed, kept outside of the database, and the sealed files of projects. */
const FOLDERS = ['log', 'files'] as const

/** Whether a path, relative to a home, is of a file that backups hold. */
export const belongsToBackup = (path: string): boolean => {
  const [folder, ...rest] = path.split('/')
  return FOLDERS.some((name) => name === folder) && rest.length > 0 && !rest.some((part) => part.startsWith('.'))
}

/** What a folder holds for a backup: paths relative to the home, in order. */
export async function homeFiles(home: string, folder: (typeof FOLDERS)[number]): Promise<string[]> {
  const found = await filesIn(join(home, folder))
  return found
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
