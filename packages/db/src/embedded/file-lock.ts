import { writeFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as delay } from 'node:timers/promises'
import { SystemError } from '@stewrd/core/kernel/system-error.ts'

/** Held until it is disposed of or its process ends, however it ends: the system itself gives it back. */
export type FileLock = Disposable

// A database that nobody refers to is closed by the garbage collector, and its lock with it.
const held = new Set<DatabaseSync>()

/** The lock that `path` stands for, or undefined while somebody else holds it. */
export function tryLock(path: string): FileLock | undefined {
  createOnce(path)
  // Node has no file locks of its own; an exclusive transaction of SQLite is one, on every system.
  const db = new DatabaseSync(path, { timeout: 0 })
  try {
    // Without a journal on the disk, which may be full.
    db.exec('pragma journal_mode = memory; begin exclusive')
  } catch (error) {
    db.close()
    const errcode = error instanceof Error && 'errcode' in error ? Number(error.errcode) & 0xff : undefined
    if (errcode === SQLITE_BUSY) return undefined
    const code = errcode === undefined ? undefined : systemCodes[errcode]
    throw code === undefined ? error : new SystemError(code, { cause: error })
  }
  held.add(db)
  return {
    [Symbol.dispose]() {
      if (held.delete(db)) db.close()
    },
  }
}

/** The lock that `path` stands for, or undefined when it did not come free within `timeoutMs`. */
export async function waitForLock(
  path: string,
  { timeoutMs, onWait }: { timeoutMs: number; onWait?: () => void },
): Promise<FileLock | undefined> {
  const deadline = performance.now() + timeoutMs
  for (let tries = 0; ; tries++) {
    const lock = tryLock(path)
    if (lock || performance.now() > deadline) return lock
    if (tries === 10) onWait?.()
    await delay(50)
  }
}

const SQLITE_BUSY = 5
/** What SQLite says of the disk, by the code of the system. */
const systemCodes: Record<number, string> = { 8: 'EROFS', 10: 'EIO', 13: 'ENOSPC', 14: 'EACCES' }

/** Never opens a file that is there: closing it again would give back a lock that this process holds on it. */
function createOnce(path: string) {
  try {
    writeFileSync(path, '', { flag: 'wx', mode: 0o600 })
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
  }
}
