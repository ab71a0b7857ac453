import { writeFileSync } from 'node:fs'
import { DatabaseSync } from 'node:sqlite'
import { setTimeout as delay } from 'node:timers/promises'

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
    db.exec('begin exclusive')
  } catch (error) {
    db.close()
    if (error instanceof Error && 'errcode' in error && error.errcode === SQLITE_BUSY) return undefined
    throw error
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

/** Never opens a file that is there: closing it again would give back a lock that this process holds on it. */
function createOnce(path: string) {
  try {
    writeFileSync(path, '', { flag: 'wx', mode: 0o600 })
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
  }
}
