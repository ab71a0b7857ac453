import type { Decider } from './decider.ts'
import type { EventShape, Recorded } from './event.ts'

/** A stream is (account, name); `projectId` names whose data key seals its events. */
export type StreamId = { accountId: string; projectId: string; stream: string }

/** The statement that appends also demands that this other stream is still at this revision (0: has no event yet). */
export type Guard = { stream: string; revision: number }

/** A row that lets somebody find a stream by a hash, written or deleted in the statement that appends. */
export type Lookup = { op: 'put' | 'delete'; hash: string }

export type CommandMeta = {
  /** Idempotency key, at most 200 characters. The same key with the same command returns the first result. */
  commandId: string
  /** `user:<id>`, `api-key:<id>`, `operator:cli`, `system:<part>`. */
  actor: string
  /** Refused with REVISION_MOVED unless the stream is at this revision. */
  expectedRevision?: number
  guards?: readonly Guard[]
  lookups?: readonly Lookup[]
}

export type Outcome<State, Event extends EventShape> = {
  revision: number
  state: State
  /** Empty when the command changed nothing. */
  events: readonly Recorded<Event>[]
  /** The command had been carried out before; these are its first events, and `state` is today's. */
  repeated: boolean
}

/**
 * Decides a command against the newest state and appends what it decided, once. Throws `Refusal` (nothing written),
 * `GuardMoved` (a guard no longer holds, nothing written), or `StoreUnavailable` (unknown outcome: retry with the same command id).
 */
export type Execute = <State, Command, Event extends EventShape>(
  decider: Decider<State, Command, Event>,
  stream: StreamId,
  command: Command,
  meta: CommandMeta,
) => Promise<Outcome<State, Event>>

/** A guarded stream has moved on: reload what was cached and decide again. */
export class GuardMoved extends Error {
  override readonly name = 'GuardMoved'
  readonly streams: readonly string[]
  constructor(streams: readonly string[]) {
    super('a guarded stream has moved on')
    this.streams = streams
  }
}

/** The database could not be reached, or broke off. What was sent may or may not have been written. Carries no SQL and no values. */
export class StoreUnavailable extends Error {
  override readonly name = 'StoreUnavailable'
  readonly reason: string
  constructor(reason: string, options?: ErrorOptions) {
    super(`the database is not available (${reason})`, options)
    this.reason = reason
  }
}
