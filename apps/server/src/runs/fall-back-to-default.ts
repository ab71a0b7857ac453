import { projects, projectStream } from '@stewrd/core/projects/projects.ts'
import { GuardMoved } from '@stewrd/core/kernel/execute.ts'
import { runs, runStream } from '@stewrd/core/runs/runs.ts'
import { ProviderError } from '@stewrd/runtime/provider/errors.ts'
import type { RunTarget } from './credentials.ts'
import type { RunsDeps } from './deps.ts'
import type { LiveRun } from './live-run.ts'
import { configOf } from './start-run.ts'

const TRIES = 5

/**
 * The server's own model, when the project's provider failed for good and the project lets runs go on with it; undefined otherwise. It is on
 * record before it happens, on the condition that the project still allows it.
 */
export async function fallBackToDefault(
  deps: RunsDeps,
  live: LiveRun,
  { backup }: RunTarget,
  error: unknown,
): Promise<RunTarget | undefined> {
  if (!backup || !(error instanceof ProviderError) || live.signal.aborted) return undefined
  const { runId, projectId, fence } = live
  const { accountId, store } = deps
  const stream = { accountId, projectId, stream: runStream(runId) }
  for (let tries = 0; tries < TRIES; tries++) {
    const { revision, state } = await store.head(projects, { accountId, projectId, stream: projectStream(projectId) })
    if (state.status !== 'active' || !state.fallsBack) return undefined
    const { state: run } = await store.head(runs, stream)
    if (run.status === 'none') return undefined
    const config = configOf({ revision: run.config.configRevision }, backup)
    const command = { type: 'FallBackToDefault', fence, code: error.code, config } as const
    const guards = [{ stream: projectStream(projectId), revision }]
    try {
      const meta = { commandId: `default:${runId}:${fence}`, actor: 'system:runtime', guards }
      const done = await store.execute(runs, stream, command, meta)
      live.take(
        done.events.map(({ event }) => event),
        done.revision,
      )
      return backup
    } catch (moved) {
      if (!(moved instanceof GuardMoved)) throw moved
    }
  }
  return undefined
}
