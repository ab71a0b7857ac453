import { createLogger } from '../kernel/log.ts'
import { readEnv } from '../env.ts'
import { createPlatform } from '../platform.ts'
import type { ServerPlatform } from '../platform.ts'

/** Who changes made here are by. */
export const OPERATOR = 'operator:cli'

/** Runs `work` on the home's database: beside a running server, or with a database of its own for as long as it takes. */
export async function withPlatform<T>(work: (platform: ServerPlatform) => Promise<T>): Promise<T> {
  const env = readEnv()
  const log = createLogger({ ...env, logLevel: process.env.STEWRD_LOG_LEVEL ? env.logLevel : 'silent' })
  const platform = await createPlatform(env, { as: 'command', log, onProgress: () => {} })
  try {
    return await work(platform)
  } finally {
    await platform.close()
  }
}
