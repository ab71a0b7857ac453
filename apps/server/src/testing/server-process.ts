import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, vi } from 'vitest'

export type ServerProcess = {
  url: string
  home: string
  /** The one-time link; undefined once there is an owner. */
  setupLink: string | undefined
  /** All that it wrote, log included. */
  output(): string
  /** Ends it as an operator does; the home stays. Returns its exit code. */
  stop(): Promise<number | null>
  /** Stops it in its tracks, as a machine that sleeps; `thaw` lets it go on. */
  freeze(): void
  thaw(): void
  /** Ends it as a power cut does. */
  kill(): Promise<void>
}

export const makeHome = () => mkdtemp(join(tmpdir(), 'stewrd-home-'))
export const removeHome = (home: string) => rm(home, { recursive: true, force: true, maxRetries: 5 })

/** Most tests make more calls a minute than a project may. */
const unlimited = { STEWRD_RATE_LIMIT_PER_MINUTE: '0', STEWRD_DRAIN_SECONDS: '5' }

/** `start` as a person runs it. Resolves once it listens. */
export async function startServer(home: string, variables: Record<string, string> = {}): Promise<ServerProcess> {
  const script = new URL('../main.ts', import.meta.url).pathname
  const child = spawn(process.execPath, [script], {
    env: { ...inherited(), ...unlimited, PORT: '0', STEWRD_HOME: home, STEWRD_LOG_LEVEL: 'trace', ...variables },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let text = ''
  child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (text += chunk.toString()))
  const dashboard = /Dashboard {2}(\S+)/
  await vi.waitFor(() => expect(child.exitCode !== null || dashboard.test(text)).toBe(true), {
    timeout: 60_000,
    interval: 20,
  })
  if (child.exitCode !== null) throw new Error(`The server ended: ${text}`)
  const end = async (signal: NodeJS.Signals) => {
    if (child.exitCode === null && child.signalCode === null) {
      child.kill(signal)
      await once(child, 'exit')
    }
    return child.exitCode
  }
  return {
    url: dashboard.exec(text)![1]!,
    home,
    setupLink: /(http\S+#token=\S+)/.exec(text)?.[1],
    output: () => text,
    freeze: () => void child.kill('SIGSTOP'),
    thaw: () => void child.kill('SIGCONT'),
    stop: () => end('SIGTERM'),
    kill: async () => void (await end('SIGKILL')),
  }
}

export type CommandResult = { code: number; stdout: string; stderr: string; json(): unknown; lines(): unknown[] }

/** `stewrd …` as a person runs it; `stdin` is what they type or pipe in. */
export async function stewrd(
  home: string,
  args: readonly string[],
  { stdin = '', variables = {} }: { stdin?: string; variables?: Record<string, string> } = {},
): Promise<CommandResult> {
  const script = new URL('../cli.ts', import.meta.url).pathname
  const child = spawn(process.execPath, [script, ...args], {
    env: { ...inherited(), STEWRD_HOME: home, STEWRD_LOG_LEVEL: 'trace', ...variables },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (chunk: Buffer) => (stdout += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (stderr += chunk.toString()))
  child.stdin.end(stdin)
  const [code] = (await once(child, 'close')) as [number]
  const lines = (): unknown[] =>
    stdout
      .split('\n')
      .filter(Boolean)
      .map((line) => JSON.parse(line) as unknown)
  return { code, stdout, stderr, lines, json: () => lines()[0] }
}

function inherited(): NodeJS.ProcessEnv {
  const { DATABASE_URL: _, ...variables } = process.env
  return { ...variables, NODE_ENV: 'development' }
}
