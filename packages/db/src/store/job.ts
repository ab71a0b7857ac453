import type { Recorded } from '@stewrd/core/kernel/event.ts'
import type { CommandMeta, Meters, StreamId } from '@stewrd/core/kernel/execute.ts'
import type { AnyDecider } from './stream-state.ts'

export type AnyOutcome = {
  revision: number
  state: unknown
  events: readonly Recorded[]
  repeated: boolean
  meters?: Meters
}

const MAX_OUTAGES = 3
/** However few tries that were: who waits for an answer has given up by then. */
const MAX_OUTAGE_MS = 10_000

/** One call of `execute` on its way. */
export type Job = {
  id: StreamId
  decider: AnyDecider
  command: unknown
  meta: CommandMeta
  /** Says whether another command with the same id is the same command. */
  mac: Buffer
  settle: (outcome: AnyOutcome) => void
  fail: (error: unknown) => void
  /** Times that it lost against somebody else, and times that the database went away. */
  conflicts: number
  outages: number
  /** When it was submitted, by a clock that only counts up. */
  since: number
  /** It must be looked up before it is judged (again): it may have been written already. */
  check: boolean
  /** It was looked up together with the head that it is judged by. */
  checked: boolean
  /** What it fails with, unless the look-up finds that it was written. */
  verdict: Error | undefined
  /** First event ids of attempts whose outcome is unknown: found again, they are no repetition. */
  sent: string[]
}

/** The database was away too often, or for too long. */
export const isOver = (job: Job) => job.outages > MAX_OUTAGES || performance.now() - job.since > MAX_OUTAGE_MS
