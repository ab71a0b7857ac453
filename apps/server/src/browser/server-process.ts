import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, vi } from 'vitest'

export type ServerProcess = { url: string; setupLink: string; output(): string; stop(): Promise<void> }

/** `start` as a person runs it, on a home of its own. */
export async function startServer(variables: Record<string, string>): Promise<ServerProcess> {
  const home = await mkdtemp(join(tmpdir(), 'stewrd-browser-'))
  const { DATABASE_URL: _, ...inherited } = process.env
  const child = spawn(process.execPath, [join(import.meta.dirname, '../main.ts')], {
    env: {
      ...inherited,
      NODE_ENV: 'development',
      STEWRD_HOME: home,
      PORT: '0',
      STEWRD_LOG_LEVEL: 'trace',
      ...variables,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let text = ''
  child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (text += chunk.toString()))
  await vi.waitFor(() => expect(text).toContain('#token='), { timeout: 60_000, interval: 50 })
  return {
    url: /Dashboard {2}(\S+)/.exec(text)![1]!,
    setupLink: /(http\S+#token=\S+)/.exec(text)![1]!,
    output: () => text,
    async stop() {
      if (child.exitCode === null) {
        child.kill('SIGTERM')
        await once(child, 'exit')
      }
      await rm(home, { recursive: true, force: true })
    },
  }
}
