import { GuardMoved } from '@stewrd/core/kernel/execute.ts'
import { Refusal } from '@stewrd/core/kernel/errors.ts'
import type { RunEvent } from '@stewrd/core/runs/events.ts'
import type { RunRow } from '@stewrd/core/runs/runs.projection.ts'
import { runs, runStream } from '@stewrd/core/runs/runs.ts'
import { errorFields } from '../kernel/log.ts'
import { readRun } from './answer-body.ts'
import { ContractError } from './contract-error.ts'
import type { Credentials } from './credentials.ts'
import type { RunsDeps } from './deps.ts'
import { LiveRun } from './live-run.ts'
import type { Runner } from './runner.ts'
import { configOf, targetOf } from './start-run.ts'

const EVERY_MS = 2_000
const TRIES = 5

/** Goes on with the runs of nodes that died, and ends those whose client did not come back. Any number of nodes may do it: one succeeds. */
export class Resumer {
  readonly #deps: RunsDeps
  readonly #credentials: Credentials
  readonly #runner: Runner
  #timer: NodeJS.Timeout | undefined
  #looking: Promise<void> = Promise.resolve()

  constructor(deps: RunsDeps, credentials: Credentials, runner: Runner) {
    this.#deps = deps
    this.#credentials = credentials
    this.#runner = runner
  }

  start(): void {
    this.#tick()
    this.#timer = setInterval(() => this.#tick(), EVERY_MS)
    this.#timer.unref()
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    await this.#looking
  }

  #tick() {
    this.#looking = this.#looking
      .then(() => this.look())
      .catch((error: unknown) =>
        this.#deps.log.warn({ err: errorFields(error) }, 'interrupted runs could not be gone on with'),
      )
  }

  /** One round. */
  async look(): Promise<void> {
    if (this.#runner.draining) return
    for (const row of await this.#deps.orphans(this.#runner.ids())) {
      try {
        if (row.status === 'waiting') await this.#expire(row)
        else await this.#resume(row)
      } catch (error) {
        // It ended by itself meanwhile, or another node was faster.
        if (!(error instanceof Refusal)) throw error
      }
    }
  }

  async #resume({ runId, projectId, startedAt }: RunRow): Promise<void> {
    if (this.#runner.live(runId)) return
    const { accountId, store, node } = this.#deps
    const stream = { accountId, projectId, stream: runStream(runId) }
    for (let tries = 0; tries < TRIES; tries++) {
      const recorded = await store.read(stream)
      const events = recorded.map(({ event }) => event as RunEvent)
      const run = readRun(runId, projectId, events)
      if (run?.state.status !== 'running') return
      const fence = run.state.fence + 1
      const { object } = run.state.started
      const credential = await this.#credentials.ofProject(projectId).catch((error: unknown) => {
        if (error instanceof ContractError) return error
        throw error
      })
      // Its client is gone with the node that answered it.
      const usable =
        object !== 'chat.completion' && !(credential instanceof ContractError) && credential.target !== undefined
      const config = usable ? configOf(credential, targetOf(credential)) : run.state.config
      const meta = { commandId: `resume:${runId}:${fence}:${node}`, actor: 'system:resumer' }
      const guards = usable ? { guards: credential.guards } : {}
      try {
        const done = await store.execute(
          runs,
          stream,
          { type: 'ResumeRun', node, fence, config },
          { ...meta, ...guards },
        )
        const all = [...events, ...done.events.map(({ event }) => event)]
        if (!usable) return await this.#giveUp(runId, projectId, fence, startedAt)
        const live = new LiveRun({ runId, projectId, fence, events: all, revision: done.revision, watched: true })
        const { sessionId } = run.state.started
        const history = sessionId === null ? [] : await this.#deps.historyOf(projectId, sessionId, runId)
        this.#deps.log.info({ run: runId, fence }, 'a run of another node goes on here')
        this.#runner.carry(live, { target: targetOf(credential), history })
        return
      } catch (error) {
        if (!(error instanceof GuardMoved)) throw error
      }
    }
  }

  async #giveUp(runId: string, projectId: string, fence: number, startedAt: number): Promise<void> {
    const { accountId, store, now } = this.#deps
    const message = 'The run was interrupted, and cannot be gone on with.'
    const durationMs = Math.max(0, now() - startedAt)
    await store.execute(
      runs,
      { accountId, projectId, stream: runStream(runId) },
      { type: 'FailRun', fence, code: 'compute_unavailable', message, durationMs },
      { commandId: `fail:${runId}:${fence}`, actor: 'system:resumer' },
    )
  }

  async #expire({ runId, projectId, startedAt }: RunRow): Promise<void> {
    const { accountId, store, now } = this.#deps
    await store.execute(
      runs,
      { accountId, projectId, stream: runStream(runId) },
      { type: 'ExpireRun', at: now(), durationMs: Math.max(0, now() - startedAt) },
      { commandId: `expire:${runId}`, actor: 'system:resumer' },
    )
  }
}
