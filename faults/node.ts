import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { freePort } from '@stewrd/db/embedded/launch.ts'
import { until } from './until.ts'

const START_MS = 120_000
const main = join(import.meta.dirname, '../apps/server/src/main.ts')
const cli = join(import.meta.dirname, '../apps/server/src/cli.ts')

/** A server as an operator runs it: one address for all its lives. */
export type Node = {
  url: string
  home: string
  start(variables?: Record<string, string>): Promise<void>
  ready(): Promise<boolean>
  /** Waits for the end, and says how it ended. */
  signal(name: 'SIGKILL' | 'SIGTERM'): Promise<{ code: number | null; ms: number }>
  freeze(): void
  thaw(): void
  running(): boolean
  /** Resident megabytes and open descriptors of the process. */
  pid(): number
  /** The last lines of its log, for a failure. */
  tail(): string
}

export async function makeNode(home: string, variables: Record<string, string>): Promise<Node> {
  const port = await freePort()
  const url = `http://127.0.0.1:${port}`
  let child: ChildProcess | undefined
  let log = ''
  const running = () => child !== undefined && child.exitCode === null && child.signalCode === null
  const ready = () =>
    fetch(`${url}/readyz`, { signal: AbortSignal.timeout(5_000) }).then(
      (answer) => answer.ok,
      () => false,
    )
  return {
    url,
    home,
    running,
    ready,
    pid: () => child!.pid!,
    tail: () => log.split('\n').slice(-15).join('\n'),
    async start(more = {}) {
      child = spawn(process.execPath, [main], {
        env: { ...clean(), ...variables, ...more, PORT: String(port), STEWRD_HOME: home },
        stdio: ['ignore', 'pipe', 'pipe'],
      })
      for (const output of [child.stdout!, child.stderr!])
        output.on('data', (chunk: Buffer) => (log = (log + chunk.toString()).slice(-20_000)))
      await until(`the server on port ${port} is not ready:\n${log.slice(-2000)}`, START_MS, async () => {
        if (!running()) throw new Error(`The server ended before it was ready:\n${log.slice(-2000)}`)
        return ready()
      })
    },
    async signal(name) {
      const began = performance.now()
      const ended = once(child!, 'exit') as Promise<[number | null]>
      child!.kill(name)
      const [code] = await ended
      return { code, ms: performance.now() - began }
    },
    freeze: () => void child!.kill('SIGSTOP'),
    thaw: () => void child!.kill('SIGCONT'),
  }
}

/** A command as an operator runs it. Throws with what it wrote when it fails, unless `fails` is set. */
export async function stewrd(
  { home, variables, input = '' }: { home: string; variables: Record<string, string>; input?: string },
  ...args: string[]
): Promise<{ code: number; stdout: string; stderr: string }> {
  const child = spawn(process.execPath, [cli, ...args], {
    env: { ...clean(), ...variables, STEWRD_HOME: home },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  let [stdout, stderr] = ['', '']
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
  child.stdin.end(input)
  const [code] = (await once(child, 'close')) as [number]
  return { code, stdout, stderr }
}

function clean(): NodeJS.ProcessEnv {
  const { DATABASE_URL: _, ...inherited } = process.env
  return { ...inherited, NODE_ENV: 'production', STEWRD_LOG_LEVEL: 'warn' }
}
