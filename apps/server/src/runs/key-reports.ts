import type { RecordKeyCheck } from '@stewrd/core/key-health/commands.ts'
import { keyHealth, keyHealthStream } from '@stewrd/core/key-health/key-health.ts'
import { LRUCache } from 'lru-cache'
import { errorFields } from '../kernel/log.ts'
import type { RunTarget } from './credentials.ts'
import type { RunsDeps } from './deps.ts'

/** What runs find out about keys, recorded beside the answer, not before it. */
export class KeyReports {
  readonly #deps: RunsDeps
  // Projects whose key a run has found to work within the last minute: thousands of runs that find the same need no look at the database.
  readonly #working = new LRUCache<string, true>({ max: 10_000, ttl: 60_000 })

  constructor(deps: RunsDeps) {
    this.#deps = deps
  }

  worked(run: { runId: string; projectId: string }, target: RunTarget, latencyMs: number): void {
    // A custom server may accept any key, so its answer verifies none. It does show that a rejection no longer holds.
    const clearsOnly = target.provider.provider === 'custom' ? ({ onlyAfter: 'rejected' } as const) : {}
    this.#record(run, target, { check: { health: 'verified', method: 'run', latencyMs }, ...clearsOnly })
  }

  rejected(run: { runId: string; projectId: string }, target: RunTarget, status: number): void {
    const reason = 'The provider refused the key during a run.'
    this.#record(run, target, { check: { health: 'rejected', status, reason } })
  }

  #record(
    { runId, projectId }: { runId: string; projectId: string },
    { fingerprint }: RunTarget,
    found: Pick<RecordKeyCheck, 'check' | 'onlyAfter'>,
  ) {
    if (fingerprint === null) return
    const { check } = found
    // The same key may stand in several projects, and each has its own history.
    const known = `${projectId}/${fingerprint}`
    if (check.health === 'verified' && this.#working.has(known)) return
    if (check.health === 'verified') this.#working.set(known, true)
    else this.#working.delete(known)
    const { accountId, store, log } = this.#deps
    const stream = { accountId, projectId, stream: keyHealthStream(projectId) }
    const command = { type: 'RecordKeyCheck', fingerprint, source: 'run', ...found } as const
    // One run may find both: a step that the provider refuses, and a later one that it answers.
    const commandId = `health:${runId}:${fingerprint}:${check.health}`
    store.execute(keyHealth, stream, command, { commandId, actor: 'system:runtime' }).catch((error: unknown) => {
      this.#working.delete(known)
      log.warn({ err: errorFields(error) }, 'the health of a key could not be recorded')
    })
  }
}
