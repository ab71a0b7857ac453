import type { RunEvent } from '@stewrd/core/runs/events.ts'
import { Refusal } from '@stewrd/core/kernel/errors.ts'
import { ProviderError } from '@stewrd/runtime/provider/errors.ts'
import type { ContractError } from './contract-error.ts'
import { RunFeed } from './feed.ts'

/** How a run left this node: it ended, waits for the client, or another node goes on with it. */
export type RunEnd =
  | { status: 'completed' | 'waiting' | 'cancelled' }
  | { status: 'failed'; error: ContractError }
  | { status: 'moved' }

/** Why a run must stop here before its end. */
export type StopReason = ProviderError | 'moved' | 'cancelled'

/** A run that this node carries out. */
export class LiveRun {
  readonly runId: string
  readonly projectId: string
  readonly fence: number
  readonly feed: RunFeed
  readonly events: RunEvent[]
  /** Somebody reads along: the model's answers are streamed from now on. */
  watched: boolean
  /** Of the run's stream, as far as this node has written or read it. */
  revision: number
  /** Settles once an end that could not be written at first is. */
  unwritten: Promise<unknown> | undefined
  readonly ended = Promise.withResolvers<RunEnd>()
  readonly #stop = new AbortController()
  #reason: StopReason | undefined

  constructor(run: {
    runId: string
    projectId: string
    fence: number
    events: readonly RunEvent[]
    revision: number
    watched: boolean
  }) {
    const { runId, projectId, fence, events, revision, watched } = run
    this.runId = runId
    this.projectId = projectId
    this.fence = fence
    this.revision = revision
    this.watched = watched
    this.events = [...events]
    this.feed = new RunFeed().apply(events)
  }

  get signal(): AbortSignal {
    return this.#stop.signal
  }
  get reason(): StopReason | undefined {
    return this.#reason
  }

  /** The first reason counts. */
  stop(reason: StopReason): void {
    this.#reason ??= reason
    this.#stop.abort(reason instanceof Error ? reason : undefined)
  }

  take(events: readonly RunEvent[], revision: number): void {
    this.revision = Math.max(this.revision, revision)
    this.events.push(...events)
    this.feed.apply(events)
  }
}

export const tooLong = () => new ProviderError('compute_unavailable', 'The run took too long and was stopped.')

/** What is refused because somebody else ended the run, or carries it on. */
export const lostTo = (error: unknown): RunEnd | undefined => {
  if (!(error instanceof Refusal)) return undefined
  if (error.code === 'RUN_TAKEN_OVER') return { status: 'moved' }
  if (error.code !== 'RUN_ENDED') return undefined
  return (error.details as { status: string }).status === 'cancelled' ? { status: 'cancelled' } : { status: 'moved' }
}
