import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { open, readFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { postgresUser } from './location.ts'
import { livePostmaster } from './postmaster.ts'

export type Launched = { port: number; stop(smart: boolean): Promise<void> }

const START_MS = 60_000
const GIVE_UP_MS = 5_000

/** Nothing of a statement or a row may reach a log file: both hold what is sealed everywhere else. */
const settings = {
  listen_addresses: '127.0.0.1',
  unix_socket_directories: '',
  timezone: 'UTC',
  log_timezone: 'UTC',
  max_connections: '100',
  shared_buffers: '128MB',
  log_statement: 'none',
  log_min_error_statement: 'panic',
  log_error_verbosity: 'terse',
  log_parameter_max_length_on_error: '0',
  log_min_duration_statement: '-1',
}

// When its parent dies, `cat` meets the end of its input and Postgres is told to stop: never an orphan, even after kill -9.
const SUPERVISE = '"$@" & p=$!; cat >/dev/null; kill -INT $p 2>/dev/null; wait $p'

/** Starts Postgres on `<dir>/data` and waits until it answers. */
export async function launch(options: {
  binaries: string
  dir: string
  logFile: string
  settings: Record<string, string>
}): Promise<Launched> {
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
    await ready(child, dir, logFile)
    child.unref()
    return { port, stop: (smart) => stop(child, dir, smart) }
  } finally {
    await log.close()
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

async function ready(child: ChildProcess, dir: string, logFile: string) {
  const began = Date.now()
  let seen = false
  while (Date.now() - began < START_MS) {
    const lock = await readFile(join(dir, 'data', 'postmaster.pid'), 'utf8').catch(() => '')
    const live = (await livePostmaster(dir)) !== undefined
    if (live && lock.split('\n')[7]?.trim() === 'ready') return
    seen ||= live
    // The supervisor waits for its input, so a Postgres that gave up shows only by its lock file: gone, or never there.
    if (child.exitCode !== null || (!live && (seen || Date.now() - began > GIVE_UP_MS))) break
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
