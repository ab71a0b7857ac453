import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'

const SHUTDOWN_MS = 10_000

/** The pid of the server that runs on `<dir>/data`. A lock file that a crash left behind counts as none. */
export async function livePostmaster(dir: string): Promise<number | undefined> {
  const lock = await readFile(join(dir, 'data', 'postmaster.pid'), 'utf8').catch(() => '')
  const pid = Number(lock.split('\n')[0])
  return pid > 0 && (await isPostgres(pid)) ? pid : undefined
}

/** Ends a server whose parent died. It stops by itself within moments; after that it is told to. */
export async function stopOrphan(pid: number): Promise<void> {
  const began = Date.now()
  let told = false
  while (await isPostgres(pid)) {
    const waited = Date.now() - began
    if (waited > 2_000 && !told) {
      process.kill(pid, 'SIGINT')
      told = true
    }
    if (waited > SHUTDOWN_MS)
      throw new Error(
        `A Postgres (process ${pid}) still runs on this home and does not stop. End it, then start again.`,
      )
    await delay(50)
  }
}

async function isPostgres(pid: number): Promise<boolean> {
  try {
    process.kill(pid, 0)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EPERM')) return false
  }
  if (process.platform !== 'linux') return true
  // After a reboot the pid may be anybody's.
  const name = await readFile(`/proc/${pid}/comm`, 'utf8').catch(() => '')
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '')
  return name.startsWith('postgres') && !/\) Z /.test(stat)
}
