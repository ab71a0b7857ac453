import { canonicalJson } from '@stewrd/core/kernel/canonical-json.ts'
import { runs, runStream } from '@stewrd/core/runs/runs.ts'
import { ContractError } from './contract-error.ts'
import type { RunsDeps } from './deps.ts'
import { startOf } from './deps.ts'

const DAY_MS = 24 * 60 * 60_000
/** A key that was used on each of so many days. */
const MOST_DAYS = 1_000

/** The run that an idempotency key stands for. `taken`: it was started already, with the same request. */
export type Idempotent = { runId: string; digest: string; taken: boolean }

/**
 * A key names a run for 24 hours: its id is made from key and project, so nothing besides the run must be kept, and two requests at the same
 * moment cannot start two runs. 409 for another request under the same key.
 */
export async function idempotentRun(
  { store, secrets, accountId, now, limits }: RunsDeps,
  projectId: string,
  key: string,
  request: unknown,
): Promise<Idempotent> {
  if (!/^[\x21-\x7e]{1,255}$/.test(key))
    throw new ContractError('invalid_body', 'The header "Idempotency-Key" must be 1 to 255 printable characters.')
  const digest = secrets.requestDigest(canonicalJson(request))
  for (let generation = 0; generation < MOST_DAYS; generation++) {
    const runId = secrets.idempotentRunId(projectId, key, generation)
    const { state } = await store.head(runs, { accountId, projectId, stream: runStream(runId) })
    if (state.status === 'none') return { runId, digest, taken: false }
    const startedAt = startOf(state.started, limits)
    if (now() - startedAt > DAY_MS) continue
    if (state.started.requestDigest === digest) return { runId, digest, taken: true }
    throw new ContractError(
      'idempotency_conflict',
      'This idempotency key was used for another request within the last 24 hours. Send a new key with a new request.',
    )
  }
  throw new ContractError('idempotency_conflict', 'This idempotency key was used too often. Send a new one.')
}
