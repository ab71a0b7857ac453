import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { TestDatabase } from '@stewrd/db/testing/database.ts'
import { createTestDatabase } from '@stewrd/db/testing/database.ts'
import type { Env } from '../env.ts'
import { readEnv } from '../env.ts'
import { createLogger } from '../kernel/log.ts'
import type { Platform, PlatformOptions } from '../platform.ts'
import { createPlatform } from '../platform.ts'

export type TestPlatform = { platform: Platform; database: TestDatabase; env: Env; close(): Promise<void> }

/** The whole platform on a database of its own, with what it runs for itself: sequencer, projector, demo model. */
export async function testPlatform(
  variables: NodeJS.ProcessEnv = {},
  through: (databaseUrl: string) => Promise<string> = async (url) => url,
  times: Pick<PlatformOptions, 'webhookTimes' | 'watchTimes'> = {},
): Promise<TestPlatform> {
  const [database, home] = await Promise.all([createTestDatabase(), mkdtemp(join(tmpdir(), 'stewrd-server-'))])
  const own = { DATABASE_URL: await through(database.url), STEWRD_HOME: home, NODE_ENV: 'test' }
  // Most tests make more calls a minute than a project may.
  const env = readEnv({ ...own, STEWRD_RATE_LIMIT_PER_MINUTE: '0', ...variables })
  const log = createLogger({ production: true, logLevel: 'silent' })
  const platform = await createPlatform(env, { as: 'server', log, ...times })
  return {
    platform,
    database,
    env,
    async close() {
      await platform.close()
      await database.drop()
      await rm(home, { recursive: true, force: true })
    },
  }
}
