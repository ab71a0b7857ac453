import { readEnv } from '@stewrd/server/env.ts'
import { createLogger } from '@stewrd/server/kernel/log.ts'
import { setProvider } from '@stewrd/server/llm/service.ts'
import type { Platform } from '@stewrd/server/platform.ts'
import { createPlatform } from '@stewrd/server/platform.ts'
import { createProject } from '@stewrd/server/projects/service.ts'
import type { Bed } from './bed.ts'

/** The platform as a command has it, and a project whose key the upstream accepts. */
export async function makeProject(bed: Bed, upstream: string) {
  const env = readEnv({ DATABASE_URL: bed.url, STEWRD_HOME: bed.home, STEWRD_EGRESS_ALLOW: new URL(upstream).host })
  const platform: Platform = await createPlatform(env, {
    as: 'command',
    log: createLogger({ ...env, logLevel: 'silent' }),
  })
  const { projectId, apiKey } = await createProject(platform, { name: 'bench' }, 'system:bench')
  const input = {
    projectId,
    provider: 'custom' as const,
    baseUrl: `${upstream}/v1`,
    model: 'bench',
    key: 'sk-bench-first-key',
  }
  await setProvider(platform, input, 'system:bench')
  if (apiKey === null) throw new Error('The project was made before.')
  return { platform, projectId, apiKey }
}
