import { constants } from 'node:fs'
import { access, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { tryLock } from './file-lock.ts'
import { isAlive, thisProcess } from './process.ts'
import type { ProcessRef } from './process.ts'

type HomeInfo = ProcessRef & { url: string | null }

/** Another server runs on this home. */
export class HomeInUseError extends Error {
  override readonly name = 'HomeInUseError'
  /** Undefined when whoever holds the home did not say who it is. */
  readonly pid: number | undefined
  readonly url: string | null
  constructor(home: string, info: HomeInfo | undefined) {
    const who = info ? ` (process ${info.pid}${info.url ? `, ${info.url}` : ''})` : ''
    super(`Stewrd runs on ${home} already${who}. Open it there, stop it first, or choose another STEWRD_HOME and PORT.`)
    this.pid = info?.pid
    this.url = info?.url ?? null
  }
}

export type HomeLock = { announce(url: string): Promise<void>; release(): Promise<void> }

/** Makes this process the one server of `home`, or throws `HomeInUseError`. The lock ends with the process, however that ends. */
export async function lockHome(home: string): Promise<HomeLock> {
  await makeHome(home)
  const lock = tryLock(join(home, 'server.lock'))
  if (!lock) throw new HomeInUseError(home, await holder(home))
  const path = join(home, 'server.json')
  const me = await thisProcess()
  const announce = async (url: string | null) => {
    const draft = `${path}.${process.pid}`
    await writeFile(draft, `${JSON.stringify({ ...me, url })}\n`, { mode: 0o600 })
    await rename(draft, path)
  }
  await announce(null)
  const release = async () => {
    await rm(path, { force: true })
    lock[Symbol.dispose]()
  }
  return { announce, release }
}

/** Creates `home` for its owner alone. Says what to do when this user may not use it. */
export async function makeHome(home: string): Promise<void> {
  try {
    await mkdir(home, { recursive: true, mode: 0o700 })
    await access(home, constants.R_OK | constants.W_OK | constants.X_OK)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EACCES')) throw error
    const message = `This user may not use ${home}. Start as the user it belongs to, or choose another STEWRD_HOME.`
    throw new Error(message, { cause: error })
  }
}

/** Whoever holds the lock writes its name a moment after it got it, so a name that is missing or dead is waited for. */
async function holder(home: string): Promise<HomeInfo | undefined> {
  for (let tries = 0; tries < 40; tries++) {
    const info = await readHomeInfo(home)
    if (info && (await isAlive(info))) return info
    await delay(50)
  }
  return undefined
}

/** The server that last ran on `home`, alive or not. */
export async function readHomeInfo(home: string): Promise<HomeInfo | undefined> {
  try {
    return JSON.parse(await readFile(join(home, 'server.json'), 'utf8')) as HomeInfo
  } catch {
    return undefined
  }
}
