import type { RunStartedData } from './events.ts'

export type StartRun = { type: 'StartRun'; run: RunStartedData }
export type RecordAnswer = {
  type: 'RecordAnswer'
  step: number
  content: string
  finishReason: string
  tokens: { input: number; output: number }
  durationMs: number
}
/** The last answer and the end of the run, in one append. */
export type CompleteRun = { type: 'CompleteRun'; answer: Omit<RecordAnswer, 'type'>; durationMs: number }
export type FailRun = { type: 'FailRun'; code: string; message: string; durationMs: number }

export type RecordFallback = { type: 'RecordFallback'; from: string; to: string; status: number }

export type RunCommand = StartRun | RecordFallback | RecordAnswer | CompleteRun | FailRun
