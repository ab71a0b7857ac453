import { createWriteStream } from 'node:fs'
import { open, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { ignore, writeNew } from '../kernel/write-new.ts'
import type { FileStorage } from './storage.ts'
import { StorageError } from './storage.ts'

/** Files below `root`, readable for their owner alone. */
export function directoryStorage(root: string): FileStorage {
  const pathOf = (key: string) => join(root, ...key.split('/'))
  return {
    write: (key, content) =>
      mapped(async () => {
        await writeNew(pathOf(key), (draft) => pipeline(Readable.from(content), createWriteStream(draft)))
      }),
    read: (key, { from, to }) =>
      mapped(async () => {
        const file = await open(pathOf(key), 'r')
        try {
          const buffer = Buffer.alloc(to - from)
          let filled = 0
          // A read may give fewer bytes than there are.
          for (let read = -1; read !== 0 && filled < buffer.length; filled += read)
            ({ bytesRead: read } = await file.read(buffer, filled, buffer.length - filled, from + filled))
          return buffer.subarray(0, filled)
        } finally {
          await file.close()
        }
      }),
    remove: (key) => mapped(() => rm(pathOf(key), { force: true })),
    removeAll: (folder) => mapped(() => rm(pathOf(folder), { recursive: true, force: true })),
    count: (folder) =>
      mapped(async () => {
        const entries = await readdir(pathOf(folder), { recursive: true, withFileTypes: true }).catch(ignore('ENOENT'))
        return (entries ?? []).filter((entry) => entry.isFile()).length
      }),
  }
}

const codes: Record<string, StorageError['code']> = {
  ENOENT: 'STORAGE_MISSING',
  ENOSPC: 'STORAGE_FULL',
  EDQUOT: 'STORAGE_FULL',
  EACCES: 'STORAGE_BROKEN',
  EIO: 'STORAGE_BROKEN',
  ENOTDIR: 'STORAGE_BROKEN',
  EPERM: 'STORAGE_BROKEN',
  EROFS: 'STORAGE_BROKEN',
}

/** Errors of the file system hold paths. What the content itself throws is passed on. */
async function mapped<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof Error && 'syscall' in error && 'code' in error)) throw error
    throw new StorageError(codes[String(error.code)] ?? 'STORAGE_UNAVAILABLE')
  }
}
