import { databaseProblem } from './problem-words.ts'
import type { Decider } from './decider.ts'
import type { EventShape, Recorded } from './event.ts'

/** A stream is (account, name); `projectId` names whose data key seals its events. */
export type StreamId = { accountId: string; projectId: string; stream: string }

/** The statement that appends also demands that this other stream is still at this revision (0: has no event yet). */
export type Guard = { stream: string; revision: number }

/** A row that lets somebody find a stream by a hash, written or deleted in the statement that appends. */
export type Lookup = { op: 'put' | 'delete'; hash: string }

/**
 * What the statement that appends moves in the account's credits. `reserve`: it appends only if they suffice. `settle` keeps what the run
 * reserved, `refund` gives it back; for a run that reserved nothing, or has ended in the ledger, both do nothing.
 */
export type CreditMove =
  | { kind: 'reserve'; runId: string; amount: number }
  | { kind: 'settle' | 'refund'; runId: string }
  | { kind: 'grant' | 'purchase'; amount: number }

/**
 * Limits of the project under which a stream may begin: so many in any 60 seconds, so many open at once. A stream is open until it holds
 * an event of one of the types `endedBy`.
 */
export type Limits = { perMinute?: number; atOnce?: number; endedBy: readonly string[] }

/** What was left after the statement: credits, and places in the minute. `resetSeconds`: until the first place is free again. */
export type Meters = { creditsLeft?: number; minute?: { limit: number; remaining: number; resetSeconds: number } }

export type CommandMeta = {
  /** Idempotency key, at most 200 characters. The same key with the same command returns the first result. */
  commandId: string
  /** `user:<id>`, `api-key:<id>`, `operator:cli`, `system:<part>`. */
  actor: string
  /** What its author was looking at. Refused with REVISION_MOVED when the stream has moved on by an event that conflicts with the command. */
  expectedRevision?: number
  guards?: readonly Guard[]
  lookups?: readonly Lookup[]
  /** Refused with INSUFFICIENT_CREDITS. */
  credits?: CreditMove
  /** Refused with RATE_LIMITED or RUNS_AT_LIMIT. */
  limits?: Limits
}

/** Who a change is by, and what must still hold for it. */
export type Author = Pick<CommandMeta, 'actor' | 'guards'>

export type Outcome<State, Event extends EventShape> = {
  revision: number
  state: State
  /** Empty when the command changed nothing. */
  events: readonly Recorded<Event>[]
  /** The command had been carried out before; these are its first events, and `state` is today's. */
  repeated: boolean
  /** Of the credits and limits that its meta named. Absent for a repetition. */
  meters?: Meters
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
    super(databaseProblem(reason) ?? `The database is not available (${reason}). Try again in a moment.`, options)
    this.reason = reason
  }
}
