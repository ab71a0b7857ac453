import { runStream } from '@stewrd/core/runs/runs.ts'
import { run } from '@stewrd/db/db-error.ts'
import type { FastifyInstance } from 'fastify'
import type { Logger } from 'pino'
import type { Platform } from '../platform.ts'
import { orphanedRuns } from '../system/nodes.ts'
import type { RunsDeps } from './deps.ts'
import { Reaper } from './reaper.ts'
import { Runner } from './run-agent.ts'
import { v1Plugin } from './v1.ts'

/** Runs in flight get this long when the server is asked to stop. */
const DRAIN_MS = 7_000

type Options = { platform: Platform; log: Logger; publicUrl?: string | undefined }

/** `/v1`, with what lives as long as the server: the runner, which finishes its runs, and the reaper of dead nodes' runs. */
export async function runsPlugin(app: FastifyInstance, { platform, log, publicUrl }: Options): Promise<void> {
  const { accountId, node, now, secrets, egress, fallback, sql } = platform
  // Three deciders in, their three states out: the store's mapped type says the same of any number.
  const store = platform.store as unknown as RunsDeps['store']
  const orphans = () => orphanedRuns(sql, accountId)
  const onForget = (forget: () => void) => platform.forgetting.add(forget)
  const deps: RunsDeps = { accountId, node, now, log, store, secrets, egress, fallback, onForget, orphans }
  const runner = new Runner(deps)
  const reaper = new Reaper(deps)
  app.addHook('onReady', async () => reaper.start())
  app.addHook('preClose', () => runner.drain(DRAIN_MS))
  app.addHook('onClose', () => reaper.stop())
  await app.register(v1Plugin, {
    deps,
    runner,
    projectOfRun: (runId) => projectOfRun(platform, runId),
    checkpoint: () => platform.publicLog.published.latest?.size,
    publicUrl,
  })
}

async function projectOfRun({ sql, accountId }: Platform, runId: string): Promise<string | undefined> {
  const [head] = await run(sql<{ project_id: string }[]>`
    select project_id from heads where account_id = ${accountId} and stream = ${runStream(runId)}`)
  return head?.project_id
}
