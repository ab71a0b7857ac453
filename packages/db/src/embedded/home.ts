import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { isAlive, thisProcess } from './process.ts'
import type { ProcessRef } from './process.ts'

type HomeInfo = ProcessRef & { url: string | null }

/** Another server runs on this home. */
export class HomeInUseError extends Error {
  override readonly name = 'HomeInUseError'
  readonly pid: number
  readonly url: string | null
  constructor(home: string, { pid, url }: HomeInfo) {
    super(
      `Stewrd runs on ${home} already (process ${pid}${url ? `, ${url}` : ''}). Open it there, stop it first, or choose another STEWRD_HOME and PORT.`,
    )
    this.pid = pid
    this.url = url
  }
}

export type HomeLock = { announce(url: string): Promise<void>; release(): Promise<void> }

/** Makes this process the one server of `home`, or throws `HomeInUseError`. A lock whose process died is taken over. */
export async function lockHome(home: string): Promise<HomeLock> {
  await mkdir(home, { recursive: true, mode: 0o700 })
  const path = join(home, 'server.json')
  const me = await thisProcess()
  const write = async (url: string | null) => {
    const draft = `${path}.${process.pid}`
    await writeFile(draft, `${JSON.stringify({ ...me, url })}\n`, { mode: 0o600 })
    await rename(draft, path)
  }
  const held = await readHomeInfo(home)
  if (held && held.pid !== process.pid && (await isAlive(held))) throw new HomeInUseError(home, held)
  await write(null)
  // Two that took over a dead lock at once: the last rename won, and the other one sees it here.
  const now = await readHomeInfo(home)
  if (now && now.pid !== process.pid) throw new HomeInUseError(home, now)
  return { announce: write, release: () => rm(path, { force: true }) }
}

/** The server that last ran on `home`, alive or not. */
export async function readHomeInfo(home: string): Promise<HomeInfo | undefined> {
  try {
    return JSON.parse(await readFile(join(home, 'server.json'), 'utf8')) as HomeInfo
  } catch {
    return undefined
  }
}
