import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { copyFile, mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import type { Bed } from './bed.ts'

export type Child = { url: string; pid: number; stop(): Promise<void> }

/** A script of this folder that prints its port. */
export async function startScript(script: string, variables: Record<string, string> = {}): Promise<Child> {
  const child = spawn(process.execPath, [join(import.meta.dirname, script)], {
    env: { ...process.env, ...variables },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const died = once(child, 'exit').then(([code]) => Promise.reject(new Error(`${script} ended with ${String(code)}.`)))
  const [chunk] = (await Promise.race([once(child.stdout, 'data'), died])) as [Buffer]
  died.catch(() => {})
  return { url: `http://127.0.0.1:${chunk.toString().trim()}`, pid: child.pid!, stop: () => ended(child) }
}

/** The bare proxy, which records calls in rows of `bed`. */
export async function startRecordingProxy(bed: Bed, variables: Record<string, string>): Promise<Child> {
  await bed.owner`create table if not exists plain_calls (
    id uuid primary key, type text not null, at timestamptz not null, data bytea not null)`
  return startScript('proxy-process.ts', { ...variables, DATABASE_URL: bed.url })
}

/** A server node as an operator runs it, on the database and with the keyring of `bed`. */
export async function startNode(bed: Bed, egressAllow: string): Promise<Child> {
  const home = await mkdtemp(join(tmpdir(), 'stewrd-bench-node-'))
  await copyFile(join(bed.home, 'keyring.json'), join(home, 'keyring.json'))
  const node = await startServer(home, { DATABASE_URL: bed.url, STEWRD_EGRESS_ALLOW: egressAllow })
  return {
    url: node.url,
    pid: node.pid,
    async stop() {
      await node.stop()
      await rm(home, { recursive: true, force: true })
    },
  }
}

/** Resolves once `/readyz` says that it can work. */
export async function startServer(home: string, variables: Record<string, string>): Promise<Child> {
  const port = await freePort()
  const { DATABASE_URL: _, ...inherited } = process.env
  const child = spawn(process.execPath, [join(import.meta.dirname, '../apps/server/src/main.ts')], {
    env: {
      ...inherited,
      NODE_ENV: 'production',
      STEWRD_LOG_LEVEL: 'warn',
      PORT: port,
      STEWRD_HOME: home,
      STEWRD_RATE_LIMIT_PER_MINUTE: '0',
      ...variables,
    },
    stdio: 'ignore',
  })
  const url = `http://127.0.0.1:${port}`
  while (!(await isReady(url))) {
    if (child.exitCode !== null) throw new Error(`The server ended with ${child.exitCode} before it was ready.`)
    await delay(5)
  }
  return { url, pid: child.pid!, stop: () => ended(child) }
}

/** A stateless gateway of others, as it comes. */
export async function startGateway(): Promise<Child> {
  const port = await freePort()
  const script = fileURLToPath(import.meta.resolve('@portkey-ai/gateway/build/start-server.js'))
  const child = spawn(process.execPath, [script, `--port=${port}`, '--headless'], { stdio: 'ignore' })
  const url = `http://127.0.0.1:${port}`
  while (!(await fetch(url).then(Boolean, () => false))) await delay(20)
  return { url, pid: child.pid!, stop: () => ended(child) }
}

const isReady = (url: string) =>
  fetch(`${url}/readyz`).then(
    (answer) => answer.ok,
    () => false,
  )

async function ended(child: ReturnType<typeof spawn>) {
  if (child.exitCode !== null) return
  child.kill('SIGTERM')
  await once(child, 'exit')
}

async function freePort(): Promise<string> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return String(port)
}
