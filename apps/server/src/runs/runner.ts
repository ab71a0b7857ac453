import { runs, runStream } from '@stewrd/core/runs/runs.ts'
import type { Turn } from '@stewrd/runtime/loop/messages.ts'
import { errorFields } from '../kernel/log.ts'
import type { RunLoad } from './capacity.ts'
import { carryOut } from './carry-out.ts'
import { ContractError } from './contract-error.ts'
import type { RunTarget } from './credentials.ts'
import type { RunsDeps } from './deps.ts'
import { KeyReports } from './key-reports.ts'
import type { RunEnd } from './live-run.ts'
import { LiveRun, tooLong } from './live-run.ts'
import type { StartedRun } from './start-run.ts'

/** After the drain, for steps that are just being recorded. */
const LAST_STEPS_MS = 3_000
/** So often a node looks whether its runs are still its own. */
const WATCH_MS = 2_000

/** The runs that this node carries out, each to its end. */
export class Runner {
  readonly #deps: RunsDeps
  readonly #reports: KeyReports
  readonly #load: RunLoad
  readonly #live = new Map<string, LiveRun>()
  #draining = false
  #handedOver = false
  #idle = Promise.withResolvers<void>()
  #timer: NodeJS.Timeout | undefined

  constructor(deps: RunsDeps, load: RunLoad) {
    this.#deps = deps
    this.#load = load
    this.#reports = new KeyReports(deps)
  }

  start(): void {
    this.#timer = setInterval(() => void this.#watch(), WATCH_MS)
    this.#timer.unref()
  }

  /** Refuses new runs while the server stops, or has as many as it can carry. */
  admit(): void {
    if (this.#draining) throw stopping()
    if (!this.#load.full) return
    this.#load.refused++
    throw new ContractError(
      'service_unavailable',
      'This server runs as many agents as it can. Try again in a moment.',
      {
        retryAfter: 2,
      },
    )
  }

  /** Counts what waits for its start while `start` brings it about. Refused when there is too much. */
  async starting<T>(start: () => Promise<T>): Promise<T> {
    this.admit()
    this.#load.starting++
    try {
      return await start()
    } finally {
      this.#load.starting--
      this.#tellIdle()
    }
  }

  /** Refuses what still waits for its turn when the server stops. */
  refuseWhenDraining(): void {
    if (this.#draining) throw stopping()
  }

  get draining(): boolean {
    return this.#draining
  }

  /** The server's time is over: what runs goes on elsewhere. */
  get handedOver(): boolean {
    return this.#handedOver
  }

  live(runId: string): LiveRun | undefined {
    return this.#live.get(runId)
  }

  /** The ids of all that are carried out here. */
  ids(): string[] {
    return [...this.#live.keys()]
  }

  begin(run: StartedRun, { watched, history = [] }: { watched: boolean; history?: readonly Turn[] }): LiveRun {
    const { runId, credential, started, revision, target } = run
    const events = [{ type: 'RunStarted', version: 3, data: started } as const]
    const live = new LiveRun({ runId, projectId: credential.projectId, fence: 1, events, revision, watched })
    return this.carry(live, { target, history })
  }

  /** Carries out what this node holds already. */
  carry(live: LiveRun, { target, history }: { target: RunTarget; history: readonly Turn[] }): LiveRun {
    return this.hold(live, () => carryOut(this.#deps, this.#reports, live, { target, history }))
  }

  /** Counts a run as this node's while `work` carries it out, and stops it when its time is over. */
  hold(live: LiveRun, work: (reports: KeyReports) => Promise<RunEnd>): LiveRun {
    const { runId } = live
    const state = live.events.reduce(runs.evolve, runs.initial)
    const left = state.status === 'none' ? 0 : state.deadline - this.#deps.now()
    const limit = setTimeout(() => live.stop(tooLong()), Math.max(0, left))
    this.#live.set(runId, live)
    this.#load.running = this.#live.size
    if (this.#handedOver) live.stop('moved')
    const gone = () => {
      this.#live.delete(runId)
      this.#load.running = this.#live.size
      this.#tellIdle()
    }
    void work(this.#reports)
      .catch((error: unknown): RunEnd => {
        this.#deps.log.error({ run: runId, err: errorFields(error) }, 'a run could not be carried out')
        return { status: 'failed', error: new ContractError('compute_error', 'The run failed on the server.') }
      })
      .then((end) => {
        clearTimeout(limit)
        live.ended.resolve(end)
        // Until its end is written it is this node's: nobody may take it for lost.
        if (live.unwritten) void live.unwritten.finally(gone)
        else gone()
      })
    return live
  }

  /** No new runs. Those that run have `ms`, or until `hurried`; then they are left to another node, or to the next start of this one. */
  async drain(ms: number, hurried?: AbortSignal): Promise<void> {
    this.#draining = true
    clearInterval(this.#timer)
    const over = Promise.withResolvers<void>()
    const handOver = () => {
      this.#handedOver = true
      for (const live of this.#live.values()) live.stop('moved')
      setTimeout(over.resolve, LAST_STEPS_MS).unref()
    }
    const late = setTimeout(handOver, ms)
    hurried?.addEventListener('abort', handOver, { once: true })
    if (hurried?.aborted) handOver()
    this.#tellIdle()
    await Promise.race([this.#idle.promise, over.promise])
    clearTimeout(late)
    this.#handedOver = true
  }

  #tellIdle(): void {
    if (this.#draining && this.#live.size === 0 && this.#load.starting === 0) this.#idle.resolve()
  }

  /** A run that another node took over, or that its client stopped through another node, ends here. */
  async #watch(): Promise<void> {
    const all = [...this.#live.values()]
    if (all.length === 0) return
    try {
      const before = new Map(all.map((live) => [live.runId, live.revision]))
      const now = await this.#deps.revisions(all.map(({ runId }) => runStream(runId)))
      const moved = all.filter(
        (live) => (now.get(runStream(live.runId)) ?? 0) > Math.max(live.revision, before.get(live.runId)!),
      )
      await Promise.all(moved.map((live) => this.#look(live)))
    } catch (error) {
      this.#deps.log.warn({ err: errorFields(error) }, 'whether runs are still carried out here could not be seen')
    }
  }

  async #look(live: LiveRun): Promise<void> {
    const { accountId, store } = this.#deps
    const stream = { accountId, projectId: live.projectId, stream: runStream(live.runId) }
    const { state } = await store.head(runs, stream)
    if (state.status === 'cancelled') live.stop('cancelled')
    else if (state.status !== 'running' || state.fence !== live.fence) live.stop('moved')
  }
}

const stopping = () =>
  new ContractError('service_unavailable', 'This server is stopping. Try again in a moment.', { retryAfter: 2 })
