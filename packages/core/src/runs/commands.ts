import type { ModelAnsweredData, RunConfig, RunStartedData, ToolReturnedData } from './events.ts'

export type StartRun = { type: 'StartRun'; run: RunStartedData }
/** `fence` is the state's and one more: of several nodes that try, one resumes. `config` is what it goes on with. */
export type ResumeRun = { type: 'ResumeRun'; node: string; fence: number; config: RunConfig }

/** Whoever records progress holds the run under `fence`; refused with RUN_TAKEN_OVER when somebody else does. */
type Held = { fence: number }
export type RequestedCall = { id: string; name: string; arguments: Record<string, unknown> }
/**
 * An answer that calls tools, in one append with what follows from it at once: calls that the platform begins (`called`), calls that
 * cannot be carried out (`returned`), and those that the client is asked for.
 */
export type RecordAnswer = Held & {
  type: 'RecordAnswer'
  answer: ModelAnsweredData
  called: readonly { callId: string; tool: string; message: string }[]
  returned: readonly ToolReturnedData[]
  request: { calls: readonly RequestedCall[]; expiresAt: number } | null
}
export type RecordToolReturn = Held & { type: 'RecordToolReturn'; returned: ToolReturnedData }
/** `at`: unix milliseconds. Refused when it is too late, or when the outputs are not exactly those that were asked for. */
export type SubmitToolOutputs = {
  type: 'SubmitToolOutputs'
  outputs: readonly { callId: string; output: string }[]
  node: string
  at: number
  deadline: number
  config: RunConfig
}
/** The last answer and the end of the run, in one append. */
export type CompleteRun = Held & { type: 'CompleteRun'; answer: ModelAnsweredData; durationMs: number }
export type FailRun = Held & { type: 'FailRun'; code: string; message: string; durationMs: number }
export type CancelRun = { type: 'CancelRun'; durationMs: number }
/** Ends a run whose client did not send its tool outputs in time. */
export type ExpireRun = { type: 'ExpireRun'; at: number; durationMs: number }
export type RecordFallback = { type: 'RecordFallback'; from: string; to: string; status: number }

/** `config` is the server's own. */
export type FallBackToDefault = Held & { type: 'FallBackToDefault'; code: string; config: RunConfig }

export type RunCommand =
  | StartRun
  | ResumeRun
  | RecordFallback
  | FallBackToDefault
  | RecordAnswer
  | RecordToolReturn
  | SubmitToolOutputs
  | CompleteRun
  | FailRun
  | CancelRun
  | ExpireRun
