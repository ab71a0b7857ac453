import type { Decider } from '../kernel/decider.ts'
import { Refusal } from '../kernel/errors.ts'
import type { CompleteRun, RunCommand } from './commands.ts'
import type { RunStartedData } from './events.ts'
import { RunEvent } from './events.ts'

export type Run =
  | { status: 'none' }
  | {
      status: 'running' | 'completed' | 'failed'
      started: Omit<RunStartedData, 'files'>
      /** The key that it went on with, when the provider refused the one it started on. */
      fallback?: string
      steps: number
      tokens: { input: number; output: number }
      /** The final answer, or why it failed; empty while running. */
      message: string
      error: string | null
      durationMs: number
    }

export const runStream = (runId: string) => `run:${runId}`

export const runs: Decider<Run, RunCommand, RunEvent> = {
  noun: 'runs',
  stateVersion: 2,
  initial: { status: 'none' },
  event: RunEvent,
  decide(command, state) {
    if (command.type === 'StartRun') {
      if (state.status !== 'none') throw new Refusal('RUN_EXISTS', {})
      return [{ type: 'RunStarted', version: 1, data: command.run }]
    }
    if (state.status === 'none') throw new Refusal('NOT_FOUND', { what: 'run' })
    if (state.status !== 'running') throw new Refusal('RUN_ENDED', { status: state.status })
    switch (command.type) {
      case 'RecordFallback': {
        const { type: _, ...data } = command
        return [{ type: 'KeyFellBack', version: 1, data }]
      }
      case 'RecordAnswer': {
        const { type: _, ...data } = command
        return [{ type: 'ModelAnswered', version: 1, data }]
      }
      case 'CompleteRun':
        return complete(command, state.tokens)
      case 'FailRun': {
        const { type: _, ...data } = command
        return [{ type: 'RunFailed', version: 1, data }]
      }
      default:
        return command satisfies never
    }
  },
  evolve(state, event) {
    if (event.type === 'RunStarted') {
      const { files: _, ...started } = event.data
      return {
        status: 'running',
        started,
        steps: 0,
        tokens: { input: 0, output: 0 },
        message: '',
        error: null,
        durationMs: 0,
      }
    }
    if (state.status === 'none') return state
    switch (event.type) {
      case 'KeyFellBack':
        return { ...state, fallback: event.data.to }
      case 'ModelAnswered':
        return { ...state, steps: event.data.step, tokens: plus(state.tokens, event.data.tokens) }
      case 'RunCompleted':
        return { ...state, ...event.data, status: 'completed' }
      case 'RunFailed':
        return {
          ...state,
          status: 'failed',
          message: event.data.message,
          error: event.data.code,
          durationMs: event.data.durationMs,
        }
      default:
        return event satisfies never
    }
  },
}

function complete({ answer, durationMs }: CompleteRun, before: Tokens): RunEvent[] {
  const tokens = plus(before, answer.tokens)
  return [
    { type: 'ModelAnswered', version: 1, data: answer },
    { type: 'RunCompleted', version: 1, data: { message: answer.content, tokens, durationMs } },
  ]
}

type Tokens = { input: number; output: number }
const plus = (a: Tokens, b: Tokens): Tokens => ({ input: a.input + b.input, output: a.output + b.output })
