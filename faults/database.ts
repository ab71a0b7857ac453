import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { postgresDir } from '@stewrd/db/embedded/location.ts'
import { livePostmaster } from '@stewrd/db/embedded/postmaster.ts'
import postgres from 'postgres'
import type { FaultProxy } from './proxy.ts'
import { startFaultProxy } from './proxy.ts'

export type Database = {
  /** Through the proxy, as an ordinary role that owns the database. */
  url: string
  proxy: FaultProxy
  /** As the superuser, in the servers' database, without the proxy. Ended by the caller. */
  admin(): postgres.Sql
  start(): Promise<void>
  /** `kill -9` of the postmaster, as a power cut or the kernel does. */
  kill(): Promise<void>
  /** Stops every process of the server, or lets them go on. */
  signal(name: 'SIGSTOP' | 'SIGCONT'): Promise<void>
  close(): Promise<void>
}

/** The role that servers sign in as; its connections can be limited. */
export const ROLE = 'stewrd_faults'

/** A Postgres in a process of its own, behind a proxy whose address stays when the server is started again. */
export async function startDatabase(home: string): Promise<Database> {
  const proxy = await startFaultProxy()
  let child: ChildProcess | undefined
  let owner = ''
  let stopped: readonly number[] = []
  async function start() {
    child = spawn(process.execPath, [join(import.meta.dirname, 'postgres-process.ts'), home], {
      stdio: ['pipe', 'pipe', 'inherit'],
    })
    const died = once(child, 'exit').then(() => Promise.reject(new Error('Postgres did not start.')))
    const [line] = (await Promise.race([once(child.stdout!, 'data'), died])) as [Buffer]
    died.catch(() => {})
    owner = line.toString().trim()
    proxy.target(Number(new URL(owner).port))
  }
  const postmaster = async () => {
    const pid = await livePostmaster(await postgresDir(home))
    if (pid === undefined) throw new Error('Postgres does not run.')
    return pid
  }
  const end = async () => {
    if (!child || child.exitCode !== null || child.signalCode !== null) return
    child.kill('SIGKILL')
    await once(child, 'exit')
  }
  await start()
  const connect = (database: string) => postgres(owner, { database, max: 1, onnotice: () => {} })
  const admin = () => connect('faults')
  await makeRole(connect('postgres'))
  return {
    url: `postgres://${ROLE}:faults@127.0.0.1:${proxy.port}/faults`,
    proxy,
    admin,
    start,
    async kill() {
      process.kill(await postmaster(), 'SIGKILL')
      await end()
    },
    async signal(name) {
      const pid = await postmaster()
      if (name === 'SIGSTOP') stopped = [pid, ...(await backends(admin()))]
      for (const one of stopped) trySignal(one, name)
    },
    async close() {
      await end()
      await proxy.close()
    },
  }
}

async function backends(sql: postgres.Sql): Promise<number[]> {
  const rows = await sql<{ pid: number }[]>`select pid from pg_stat_activity where pid <> pg_backend_pid()`
  await sql.end()
  return rows.map(({ pid }) => pid)
}

function trySignal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name)
  } catch {
    // A backend that ended meanwhile.
  }
}

async function makeRole(sql: postgres.Sql): Promise<void> {
  await sql.unsafe(`create role ${ROLE} login createrole password 'faults'`)
  await sql.unsafe(`create database faults owner ${ROLE} encoding 'UTF8' template template0`)
  await sql.end()
}
