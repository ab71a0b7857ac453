import type { Noun } from '@stewrd/core/kernel/event.ts'
import type { Refusals } from '@stewrd/core/kernel/errors.ts'
import { Refusal } from '@stewrd/core/kernel/errors.ts'
import type { EventRow } from '../record.ts'
import { commandName } from './find-command.ts'
import type { Job } from './job.ts'
import { judgeAll } from './judge.ts'
import type { StreamState } from './stream-state.ts'

/**
 * Ends commands for a stream that belongs to another project. Each gets the answer that it gets for an id that does not exist. What would
 * begin a stream under the id cannot be written, and is refused with NOT_FOUND. `found`: the events of those commands that were looked up.
 */
export function turnAwayForeign(
  jobs: readonly Job[],
  empty: StreamState,
  found: ReadonlyMap<string, readonly EventRow[]>,
): void {
  for (const job of jobs) {
    const [idle] = judgeAll([job], empty).idle
    const [before] = found.get(commandName(job.id.accountId, job.meta.commandId)) ?? []
    if (before && before.stream !== job.id.stream)
      job.fail(new Refusal('COMMAND_REUSED', { commandId: job.meta.commandId }))
    else if (!idle) job.fail(new Refusal('NOT_FOUND', { what: whats[job.decider.noun] ?? 'project' }))
    else if (idle.refusal) job.fail(idle.refusal)
    else job.settle({ ...idle.head, events: [], repeated: false })
  }
}

const whats: Partial<Record<Noun, Refusals['NOT_FOUND']['what']>> = { files: 'file', sessions: 'session', runs: 'run' }
