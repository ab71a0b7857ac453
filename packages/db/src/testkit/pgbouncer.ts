import type { ChildProcess } from 'node:child_process'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { freePort } from '../embedded/launch.ts'
import { postgresUser } from '../embedded/location.ts'

/** PgBouncer's program: of the system's package, or the one whose path STEWRD_TEST_PGBOUNCER is. CI requires it, and says so with `required`. */
const wanted = process.env.STEWRD_TEST_PGBOUNCER ?? ''
const program = wanted.startsWith('/') ? wanted : '/usr/sbin/pgbouncer'
export const pgbouncerIsRequired = wanted !== ''
export const pgbouncerIsInstalled = existsSync(program)

/** Such as 1.18. */
export const pgbouncerVersion = (): [number, number] => {
  const [, major, minor] = /PgBouncer (\d+)\.(\d+)/.exec(execFileSync(program, ['--version'], { encoding: 'utf8' }))!
  return [Number(major), Number(minor)]
}

export type PgBouncer = {
  /** The same URL by way of the pooler. */
  through(url: string): string
  log(): Promise<string>
  stop(): Promise<void>
}
export type PgBouncerOptions = {
  /** The server, with the owner's name and password: the pooler looks every other login up by them. */
  server: string
  mode: 'session' | 'transaction'
  /** Names and passwords that it knows, in place of looking logins up. */
  users?: Record<string, string>
  settings?: Record<string, string>
}

/** A real PgBouncer in front of `server`, with what its package has as defaults. */
export async function startPgBouncer({ server, mode, users, settings = {} }: PgBouncerOptions): Promise<PgBouncer> {
  const dir = await mkdtemp(join(tmpdir(), 'stewrd-pgbouncer-'))
  await chmod(dir, 0o755)
  const { hostname, port: serverPort, username, password } = new URL(server)
  const port = await freePort()
  const known = users ?? { [username]: password }
  await writeFile(
    join(dir, 'users.txt'),
    Object.entries(known)
      .map(([name, secret]) => `"${name}" "${secret}"\n`)
      .join(''),
  )
  const lines = {
    listen_addr: '127.0.0.1',
    listen_port: String(port),
    unix_socket_dir: '',
    auth_type: 'scram-sha-256',
    auth_file: join(dir, 'users.txt'),
    ...(users ? {} : { auth_user: username }),
    pool_mode: mode,
    logfile: '',
    ...settings,
  }
  const config = join(dir, 'pgbouncer.ini')
  const text = Object.entries(lines)
    .map(([name, value]) => `${name} = ${value}\n`)
    .join('')
  await writeFile(config, `[databases]\n* = host=${hostname} port=${serverPort}\n[pgbouncer]\n${text}`)
  const child = spawn(program, [config], { ...postgresUser, stdio: ['ignore', 'ignore', 'pipe'] })
  let log = ''
  child.stderr.on('data', (bytes: Buffer) => (log += bytes.toString()))
  await listening(child, () => log)
  return {
    through(url) {
      const way = new URL(url)
      way.hostname = '127.0.0.1'
      way.port = String(port)
      return way.href
    },
    log: async () => log,
    async stop() {
      const ended = once(child, 'exit')
      child.kill('SIGINT')
      const late = delay(5000).then(() => child.kill('SIGKILL'))
      await Promise.race([ended, late])
      await ended
      await rm(dir, { recursive: true, force: true })
    },
  }
}

async function listening(child: ChildProcess, log: () => string): Promise<void> {
  for (let tries = 0; tries < 600; tries++) {
    if (/listening on 127\.0\.0\.1/.test(log()) && /process up/.test(log())) return
    if (child.exitCode !== null) break
    await delay(50)
  }
  throw new Error(`PgBouncer did not start:\n${log()}`)
}
