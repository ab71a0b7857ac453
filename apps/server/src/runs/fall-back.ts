import { GuardMoved } from '@stewrd/core/kernel/execute.ts'
import { llm, llmStream } from '@stewrd/core/llm/llm.ts'
import { runs, runStream } from '@stewrd/core/runs/runs.ts'
import { ProviderError } from '@stewrd/runtime/provider/errors.ts'
import type { RunTarget } from './credentials.ts'
import type { RunsDeps } from './deps.ts'
import type { LiveRun } from './live-run.ts'

const TRIES = 5

/**
 * The target with the old key, when an overlap allows it and the provider answered 401 to the new one; undefined otherwise. The use is on
 * record before it happens, on the condition that the overlap still runs: an acknowledged end of it, or a roll back, prevents it.
 */
export async function fallBack(
  deps: RunsDeps,
  live: LiveRun,
  target: RunTarget,
  error: unknown,
): Promise<RunTarget | undefined> {
  const { runId, projectId } = live
  const { fallback, fingerprint } = target
  if (!fallback || fingerprint === null || !(error instanceof ProviderError) || error.status !== 401) return undefined
  const { accountId, store } = deps
  const command = { type: 'RecordFallback', from: fingerprint, to: fallback.fingerprint, status: error.status } as const
  const stream = { accountId, projectId, stream: runStream(runId) }
  for (let tries = 0; tries < TRIES; tries++) {
    const { revision, state } = await store.head(llm, { accountId, projectId, stream: llmStream(projectId) })
    const still = state.status === 'own' && state.fallback?.key.dekId === fallback.dekId
    if (!still || deps.now() >= fallback.until) return undefined
    const guards = [{ stream: llmStream(projectId), revision }]
    try {
      const meta = { commandId: `fallback:${runId}`, actor: 'system:runtime', guards }
      const done = await store.execute(runs, stream, command, meta)
      live.take(
        done.events.map(({ event }) => event),
        done.revision,
      )
      const { fallback: _, ...rest } = target
      return { ...rest, key: fallback.key, fingerprint: fallback.fingerprint }
    } catch (moved) {
      if (!(moved instanceof GuardMoved)) throw moved
    }
  }
  return undefined
}
