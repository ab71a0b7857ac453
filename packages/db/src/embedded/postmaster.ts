import { execFile } from 'node:child_process'
import { readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'

const SHUTDOWN_MS = 10_000
/** One more than the largest pid that Linux gives; no system gives a larger one. */
const NO_PID = 4_194_305

/** The pid of the server that runs on `<dir>/data`. A lock file that a crash left behind counts as none. */
export async function livePostmaster(dir: string): Promise<number | undefined> {
  const pid = Number((await readLock(dir)).split('\n')[0])
  return pid > 0 && (await runsOn(dir, pid)) ? pid : undefined
}

/** Ends a server whose parent died. It stops by itself within moments; after that it is told to. */
export async function stopOrphan(dir: string, pid: number): Promise<void> {
  const began = performance.now()
  let told = false
  while (await runsOn(dir, pid)) {
    const waited = performance.now() - began
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

/**
 * Makes the lock file of a dead server name no process at all. Postgres itself would refuse to start as long as its pid is anybody's.
 * The rest of the file stays: by it Postgres knows processes of the dead server that still use the data.
 */
export async function disownLock(dir: string): Promise<void> {
  const [pid, ...rest] = (await readLock(dir)).split('\n')
  if (Number(pid) > 0) await writeFile(join(dir, 'data', 'postmaster.pid'), [NO_PID, ...rest].join('\n'))
}

/** Whether `pid` is the server of `<dir>/data`. After a crash or a reboot the pid may be anybody's, even another home's Postgres. */
async function runsOn(dir: string, pid: number): Promise<boolean> {
  if (!exists(pid)) return false
  if (process.platform !== 'linux') return await startedWithLock(dir, pid)
  try {
    const [cwd, data] = await Promise.all([stat(`/proc/${pid}/cwd`), stat(join(dir, 'data'))])
    return cwd.dev === data.dev && cwd.ino === data.ino
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EACCES' && (await startedWithLock(dir, pid))
  }
}

function exists(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}

/** Line 3 of the lock file is when the server started, in seconds; `ps` knows it to the second. */
async function startedWithLock(dir: string, pid: number): Promise<boolean> {
  const line = (await readLock(dir)).split('\n')[2]
  const ps = await promisify(execFile)('ps', ['-o', 'lstart=', '-p', String(pid)], {
    env: { PATH: process.env.PATH, LC_ALL: 'C' },
  }).catch(() => undefined)
  // Without `ps` nobody knows: rather refuse to start than meet a live server.
  return ps === undefined ? exists(pid) : Math.abs(Date.parse(ps.stdout.trim()) / 1000 - Number(line)) <= 5
}

const readLock = (dir: string) => readFile(join(dir, 'data', 'postmaster.pid'), 'utf8').catch(() => '')
