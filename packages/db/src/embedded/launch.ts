import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { open, readFile, rename, stat } from 'node:fs/promises'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { postgresUser } from './location.ts'
import { livePostmaster } from './postmaster.ts'

export type Launched = { port: number; postmaster: number; stop(smart: boolean): Promise<void> }

const START_MS = 60_000
const RETRY_MS = 10_000
const LOG_BYTES = 10_000_000
/** What a Postgres that was just killed leaves behind for a moment. */
const PASSING = /still in use|already exists|could not bind|could not create any TCP/i

/** Nothing of a statement or a row may reach a log file: both hold what is sealed everywhere else. */
const settings = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  timezone: 'UTC',
  log_timezone: 'UTC',
  max_connections: '100',
  shared_buffers: '128MB',
  log_statement: 'none',
  // An error's own message quotes what was sent (`invalid input syntax for type uuid: "…"`), so errors stay out: the client gets them.
  log_min_messages: 'log',
  log_min_error_statement: 'panic',
  log_error_verbosity: 'terse',
  log_parameter_max_length_on_error: '0',
  log_min_duration_statement: '-1',
}

// When its parent dies, `read` meets the end of its input and Postgres is told to stop: never an orphan, even after kill -9.
// `read` is part of the shell, so nothing is left behind when Postgres ends by itself; then the shell ends with it.
const SUPERVISE =
  'exec 4<&0; "$@" 4<&- & p=$!; { read -r end; kill -INT $p; } <&4 2>/dev/null & w=$!; wait $p; code=$?; kill $w 2>/dev/null; exit $code'

type LaunchOptions = { binaries: string; dir: string; logFile: string; settings: Record<string, string> }

/** Starts Postgres on `<dir>/data` and waits until it answers. What a crash left behind (memory, a port) is waited for. */
export async function launch(options: LaunchOptions): Promise<Launched> {
  await trim(options.logFile)
  for (const began = performance.now(); ; await delay(250)) {
    const from = await sizeOf(options.logFile)
    try {
      return await attempt(options)
    } catch (error) {
      const said = (await readFile(options.logFile)).subarray(from).toString()
      if (performance.now() - began > RETRY_MS || !PASSING.test(said)) throw error
    }
  }
}

async function attempt(options: LaunchOptions): Promise<Launched> {
  const { binaries, dir, logFile } = options
  const port = await freePort()
  const args = Object.entries({ ...settings, ...options.settings, port: String(port) }).flatMap(([k, v]) => [
    '-c',
    `${k}=${v}`,
  ])
  const command = [join(binaries, 'bin', 'postgres'), '-D', join(dir, 'data'), ...args]
  const log = await open(logFile, 'a', 0o600)
  try {
    const child = spawn('/bin/sh', ['-c', SUPERVISE, 'sh', ...command], {
      ...postgresUser,
      cwd: dir,
      env: { PATH: process.env.PATH, LC_ALL: 'C' },
      stdio: ['pipe', log.fd, log.fd],
      // Ctrl-C in a terminal goes to the whole group: the database must outlive its users by the moment that they need.
      detached: true,
    })
    child.stdin?.on('error', () => {})
    const postmaster = await ready(child, dir, logFile)
    child.unref()
    return { port, postmaster, stop: (smart) => stop(child, dir, smart) }
  } finally {
    await log.close()
  }
}

const sizeOf = (file: string) =>
  stat(file).then(
    ({ size }) => size,
    () => 0,
  )

/** A log that has grown large moves aside, over the one before it. */
async function trim(logFile: string) {
  if ((await sizeOf(logFile)) > LOG_BYTES) await rename(logFile, `${logFile}.1`)
}

/** A port of loopback that nothing listens on at the moment. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

async function ready(child: ChildProcess, dir: string, logFile: string): Promise<number> {
  const began = performance.now()
  while (performance.now() - began < START_MS && child.exitCode === null && child.signalCode === null) {
    const pid = await livePostmaster(dir)
    // What it says must be of that very process: a crash leaves a lock file behind that says ready, too.
    const lock = (await readFile(join(dir, 'data', 'postmaster.pid'), 'utf8').catch(() => '')).split('\n')
    if (pid !== undefined && Number(lock[0]) === pid && lock[7]?.trim() === 'ready') return pid
    await delay(10)
  }
  child.stdin?.end()
  throw new Error(`Postgres did not start. Its log says why: ${logFile}`)
}

async function stop(child: ChildProcess, dir: string, smart: boolean) {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.ref()
  const closed = once(child, 'close')
  const pid = smart ? await livePostmaster(dir) : undefined
  if (pid) {
    process.kill(pid, 'SIGTERM')
    while (await livePostmaster(dir)) await delay(20)
  }
  child.stdin?.end()
  await closed
}
