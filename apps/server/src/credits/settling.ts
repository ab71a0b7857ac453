import type { Execute } from '@stewrd/core/kernel/execute.ts'
import { runStream } from '@stewrd/core/runs/runs.ts'

/** A run that failed on the server's or the provider's side costs nothing; one that the client stopped, or left, does. */
const moves: Record<string, 'settle' | 'refund'> = {
  CompleteRun: 'settle',
  CancelRun: 'settle',
  ExpireRun: 'settle',
  FailRun: 'refund',
}

/** With metering on, whoever records the end of a run settles or gives back, in the same statement, what its start reserved. */
export const settling =
  (execute: Execute): Execute =>
  (decider, stream, command, meta) => {
    const kind = decider.noun === 'runs' ? moves[(command as { type: string }).type] : undefined
    if (!kind) return execute(decider, stream, command, meta)
    const runId = stream.stream.slice(runStream('').length)
    return execute(decider, stream, command, { ...meta, credits: { kind, runId } })
  }
