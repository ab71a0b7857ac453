import { Refusal } from '@stewrd/core/kernel/errors.ts'
import { runs, runStream } from '@stewrd/core/runs/runs.ts'
import { errorFields } from '../kernel/log.ts'
import type { RunsDeps } from './deps.ts'

const EVERY_MS = 5_000

/** Ends the runs whose node has died: a caller who asks for such a run is told that it was interrupted. Any number of nodes may do it. */
export class Reaper {
  readonly #deps: RunsDeps
  #timer: NodeJS.Timeout | undefined
  #reaping: Promise<void> = Promise.resolve()

  constructor(deps: RunsDeps) {
    this.#deps = deps
  }

  start(): void {
    this.#tick()
    this.#timer = setInterval(() => this.#tick(), EVERY_MS)
    this.#timer.unref()
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await this.#reaping
  }

  #tick() {
    this.#reaping = this.#reaping
      .then(() => this.reap())
      .catch((error: unknown) =>
        this.#deps.log.warn({ err: errorFields(error) }, 'interrupted runs could not be ended'),
      )
  }

  /** One round. */
  async reap(): Promise<void> {
    const { accountId, store, now } = this.#deps
    for (const { runId, projectId, startedAt } of await this.#deps.orphans()) {
      const command = {
        type: 'FailRun',
        code: 'compute_error',
        message: 'The server stopped while the run was under way.',
        durationMs: Math.max(0, now() - startedAt),
      } as const
      try {
        await store.execute(runs, { accountId, projectId, stream: runStream(runId) }, command, {
          commandId: `reap:${runId}`,
          actor: 'system:reaper',
        })
      } catch (error) {
        // It ended by itself meanwhile, or another node was faster.
        if (!(error instanceof Refusal)) throw error
      }
    }
  }
}
