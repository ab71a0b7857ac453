import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { TestPlatform } from './platform.ts'

/** Runs a script in a process of its own, beside the server of a test, and says how it ended: a signal, or its exit code. */
export async function endOf(
  script: URL,
  { env }: TestPlatform,
  ...args: string[]
): Promise<NodeJS.Signals | number | null> {
  const variables = { DATABASE_URL: env.databaseUrl, STEWRD_HOME: env.home, NODE_ENV: 'test' }
  const child = spawn(process.execPath, [script.pathname, ...args], {
    env: { ...process.env, ...variables },
    stdio: 'inherit',
  })
  const [code, signal] = (await once(child, 'exit')) as [number | null, NodeJS.Signals | null]
  return signal ?? code
}
