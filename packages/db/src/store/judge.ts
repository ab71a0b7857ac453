import { judge } from '@stewrd/core/kernel/decider.ts'
import type { Head } from '@stewrd/core/kernel/decider.ts'
import { Refusal } from '@stewrd/core/kernel/errors.ts'
import type { EventShape } from '@stewrd/core/kernel/event.ts'
import type { Job } from './job.ts'
import type { StreamState } from './stream-state.ts'

export type Accepted = { job: Job; events: readonly EventShape[]; head: Head<unknown> }
/** Nothing to write: the command was refused, or changes nothing. */
export type Idle = { job: Job; refusal: Error | undefined; head: Head<unknown> }

/** Judges waiting commands of one stream in turn, each against what the ones before it leave behind. A refused one stops nobody. */
export function judgeAll(jobs: readonly Job[], from: StreamState): { accepted: Accepted[]; idle: Idle[] } {
  const accepted: Accepted[] = []
  const idle: Idle[] = []
  let head: Head<unknown> = { revision: from.revision, state: from.state }
  for (const job of jobs) {
    try {
      const judged = judge(job.decider, job.id.stream, head, job.command, job.meta.expectedRevision)
      if (judged.events.length === 0) idle.push({ job, refusal: undefined, head })
      else accepted.push({ job, events: judged.events, head: judged.head })
      head = judged.head
    } catch (error) {
      // A refusal, or a fault in the decider: either way this command alone fails.
      idle.push({ job, refusal: error instanceof Refusal ? error : faultOf(error), head })
    }
  }
  return { accepted, idle }
}

const faultOf = (error: unknown) => (error instanceof Error ? error : new Error('a decider threw what is no error'))
