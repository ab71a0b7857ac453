import { randomBytes } from 'node:crypto'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import postgres from 'postgres'
import { waitForLock } from './file-lock.ts'
import { makeHome } from './home.ts'
import { initialise } from './initdb.ts'
import { postgresBinaries, postgresDir } from './location.ts'
import { disownLock, livePostmaster, stopOrphan } from './postmaster.ts'
import { isAlive, thisProcess } from './process.ts'
import type { ProcessRef } from './process.ts'
import { launch } from './launch.ts'
import type { Launched } from './launch.ts'

export type EmbeddedPostgres = {
  /** For the owner role, with its password: never print it. */
  url: string
  /** It was running already, started by somebody else on this home; `stop` leaves it alone. */
  adopted: boolean
  /** Ends it and waits. `smart` lets others on the same home finish first. */
  stop(options?: { smart?: boolean }): Promise<void>
}

export type EmbeddedOptions = {
  home: string
  /** A command works beside whatever runs; a server must own its database, and waits for a command to end. */
  as: 'server' | 'command'
  onProgress?: (step: string) => void
  /** Extra `postgres -c` settings, for tests. */
  settings?: Record<string, string>
}

type Owner = ProcessRef & { password: string; port: number; postmaster: number }

const OWNER_TIMEOUT_MS = 60_000
const STOP_LOCK_MS = 5_000

/** The real Postgres on `home`: created, started, adopted, or cleaned up after a crash. Ends when this process ends, however it ends. */
export async function startEmbedded(options: EmbeddedOptions): Promise<EmbeddedPostgres> {
  await makeHome(options.home)
  const dir = await postgresDir(options.home)
  const deadline = performance.now() + OWNER_TIMEOUT_MS
  let told = false
  for (;;) {
    const held = await oneStep(dir, options)
    if (!('waitFor' in held)) return held
    if (!told) options.onProgress?.('Waiting for a stewrd command on the same home to finish')
    told = true
    if (performance.now() > deadline)
      throw new Error(`Process ${held.waitFor} still uses the database of ${options.home}. End it, then start again.`)
    await delay(100)
  }
}

/** Looks and acts under one lock: two that start at once never see each other's half-made state. */
async function oneStep(dir: string, options: EmbeddedOptions): Promise<EmbeddedPostgres | { waitFor: number }> {
  const onWait = () => options.onProgress?.('Waiting for another start or stop on the same home')
  using lock = await waitForLock(lockFile(options.home), { timeoutMs: OWNER_TIMEOUT_MS, onWait })
  if (!lock) throw new Error(`Another process is still starting or stopping the database of ${options.home}.`)
  const pid = await livePostmaster(dir)
  if (pid === undefined) return await startFresh(dir, options)
  const owner = await readOwner(options.home)
  if (owner?.postmaster === pid && (await isAlive(owner))) {
    if (options.as === 'command') return { url: urlOf(owner), adopted: true, stop: async () => {} }
    return { waitFor: owner.pid }
  }
  await stopOrphan(dir, pid)
  return await startFresh(dir, options)
}

async function startFresh(dir: string, { home, onProgress, settings }: EmbeddedOptions): Promise<EmbeddedPostgres> {
  const binaries = await postgresBinaries()
  const password = await passwordOf(home)
  await initialise({ binaries, dir, password, ...(onProgress && { onProgress }) })
  onProgress?.('Starting the database')
  await disownLock(dir)
  const running = await launch({ binaries, dir, logFile: join(home, 'postgres.log'), settings: settings ?? {} })
  try {
    const { port, postmaster } = running
    const owner: Owner = { ...(await thisProcess()), password, port, postmaster }
    await ensureDatabase(urlOf(owner))
    await writeFile(ownerFile(home), `${JSON.stringify({ ...owner, password: undefined })}\n`, { mode: 0o600 })
    return { url: urlOf(owner), adopted: false, stop: (how) => stop(running, home, how?.smart ?? false) }
  } catch (error) {
    await running.stop(false)
    throw error
  }
}

async function ensureDatabase(url: string) {
  const sql = postgres(url.replace(/stewrd$/, 'postgres'), { max: 1, onnotice: () => {} })
  try {
    const [found] = await sql`select 1 from pg_database where datname = 'stewrd'`
    if (!found) await sql`create database stewrd`
  } finally {
    await sql.end({ timeout: 5 })
  }
}

/** `postgres.json` stays: it names a process that no longer runs, and the next owner may be writing its own. */
async function stop(running: Launched, home: string, smart: boolean) {
  using _lock = await waitForLock(lockFile(home), { timeoutMs: STOP_LOCK_MS })
  await running.stop(smart)
}

const lockFile = (home: string) => join(home, 'postgres.lock')
const ownerFile = (home: string) => join(home, 'postgres.json')
const passwordFile = (home: string) => join(home, 'postgres.password')

async function readOwner(home: string): Promise<Owner | undefined> {
  try {
    const owner = JSON.parse(await readFile(ownerFile(home), 'utf8')) as Omit<Owner, 'password'>
    return { ...owner, password: await readFile(passwordFile(home), 'utf8') }
  } catch {
    return undefined
  }
}

/** Random, made once, readable by the owner of the home only. */
async function passwordOf(home: string): Promise<string> {
  const fresh = randomBytes(24).toString('hex')
  await writeFile(passwordFile(home), fresh, { mode: 0o600, flag: 'wx' }).catch((error: unknown) => {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
  })
  return await readFile(passwordFile(home), 'utf8')
}

function urlOf({ password, port }: Owner): string {
  return `postgres://stewrd:${password}@127.0.0.1:${port}/stewrd`
}
