import type { Decider } from '../kernel/decider.ts'
import { Refusal } from '../kernel/errors.ts'
import type { CompleteRun, RecordAnswer, RunCommand, SubmitToolOutputs } from './commands.ts'
import type { RunConfig, RunStartedData } from './events.ts'
import { RunEvent } from './events.ts'

/** What the client was asked for. `expiresAt`: unix milliseconds. */
export type PendingCalls = { callIds: readonly string[]; expiresAt: number }

export type StartedRun = {
  status: 'running' | 'waiting' | 'completed' | 'failed' | 'cancelled'
  started: Omit<RunStartedData, 'files' | 'tools'>
  /** Who holds the run. */
  node: string
  fence: number
  /** Unix milliseconds; moves when the client has sent tool outputs. */
  deadline: number
  /** What it runs on now. */
  config: RunConfig
  /** The key that it went on with, when the provider refused the one it started on. */
  fallback?: string
  steps: number
  /** Rounds of custom tools so far, and what the client is asked for while `waiting`. */
  rounds: number
  pending: PendingCalls | null
  tokens: { input: number; output: number }
  /** The sum of what is known; null when nothing is. */
  costNanoUsd: number | null
  /** The final answer, or why it failed; empty while running. */
  message: string
  error: string | null
  durationMs: number
}
export type Run = { status: 'none' } | StartedRun

/** A run holds one of these when it has ended. */
export const endEvents = ['RunCompleted', 'RunFailed', 'RunCancelled'] as const

export const runStream = (runId: string) => `run:${runId}`

export const runs: Decider<Run, RunCommand, RunEvent> = {
  noun: 'runs',
  stateVersion: 4,
  initial: { status: 'none' },
  event: RunEvent,
  decide(command, state) {
    if (command.type === 'StartRun') {
      if (state.status !== 'none') throw new Refusal('RUN_EXISTS', {})
      return [{ type: 'RunStarted', version: 3, data: command.run }]
    }
    if (state.status === 'none') throw new Refusal('NOT_FOUND', { what: 'run' })
    if (state.status !== 'running' && state.status !== 'waiting')
      throw new Refusal('RUN_ENDED', { status: state.status })
    if ('fence' in command) mayHold(command, state)
    switch (command.type) {
      case 'ResumeRun':
        return [
          { type: 'RunResumed', version: 1, data: { node: command.node, fence: command.fence } },
          ...reconfigured(command.config, state),
        ]
      case 'RecordFallback': {
        const { type: _, ...data } = command
        return [{ type: 'KeyFellBack', version: 1, data }]
      }
      case 'FallBackToDefault':
        return [
          { type: 'RunFellBack', version: 1, data: { code: command.code } },
          ...reconfigured(command.config, state),
        ]
      case 'RecordAnswer':
        return answered(command, state)
      case 'RecordToolReturn':
        return [{ type: 'ToolReturned', version: 1, data: command.returned }]
      case 'SubmitToolOutputs':
        return submitted(command, state)
      case 'CompleteRun':
        return complete(command, state.tokens)
      case 'FailRun': {
        const { type: _, fence: __, ...data } = command
        return [{ type: 'RunFailed', version: 1, data }]
      }
      case 'CancelRun':
        return [{ type: 'RunCancelled', version: 1, data: { durationMs: command.durationMs } }]
      case 'ExpireRun':
        if (!state.pending || command.at <= state.pending.expiresAt) return []
        return [{ type: 'RunFailed', version: 1, data: { ...expired, durationMs: command.durationMs } }]
      default:
        return command satisfies never
    }
  },
  evolve(state, event) {
    if (event.type === 'RunStarted') return begun(event.data)
    if (state.status === 'none') return state
    switch (event.type) {
      case 'KeyFellBack':
        return { ...state, fallback: event.data.to }
      case 'RunReconfigured':
        return { ...state, config: event.data }
      case 'RunResumed':
        return { ...state, node: event.data.node, fence: event.data.fence }
      case 'ModelAnswered': {
        const { step, tokens, costNanoUsd } = event.data
        const cost = costNanoUsd === null ? state.costNanoUsd : (state.costNanoUsd ?? 0) + costNanoUsd
        return { ...state, steps: step, tokens: plus(state.tokens, tokens), costNanoUsd: cost }
      }
      case 'RunFellBack':
      case 'ToolCalled':
      case 'ToolReturned':
        return state
      case 'ToolOutputsRequested': {
        const { round, calls, expiresAt } = event.data
        return { ...state, status: 'waiting', rounds: round, pending: { callIds: calls.map((c) => c.id), expiresAt } }
      }
      case 'ToolOutputsSubmitted': {
        const { node, fence, deadline } = event.data
        return { ...state, status: 'running', pending: null, node, fence, deadline }
      }
      case 'RunCompleted':
        return { ...state, ...event.data, status: 'completed' }
      case 'RunFailed': {
        const { code, message, durationMs } = event.data
        return { ...state, status: 'failed', pending: null, message, error: code, durationMs }
      }
      case 'RunCancelled':
        return { ...state, status: 'cancelled', pending: null, durationMs: event.data.durationMs }
      default:
        return event satisfies never
    }
  },
}

const expired = { code: 'context_expired', message: 'The outputs of the tools did not come within five minutes.' }

function begun(data: RunStartedData): StartedRun {
  const { files: _, tools: __, ...started } = data
  const { provider, baseUrl, model, keySource, configRevision, keyFingerprint } = data
  return {
    status: 'running',
    started,
    node: data.node,
    fence: 1,
    deadline: data.deadline,
    config: { provider, baseUrl, model, keySource, configRevision, keyFingerprint },
    steps: 0,
    rounds: 0,
    pending: null,
    tokens: { input: 0, output: 0 },
    costNanoUsd: null,
    message: '',
    error: null,
    durationMs: 0,
  }
}

/** A node that was taken for dead may live: what it still records must change nothing. */
function mayHold(command: { type: string; fence: number }, { fence, status }: StartedRun): void {
  const expected = command.type === 'ResumeRun' ? fence + 1 : fence
  if (command.fence !== expected || status !== 'running') throw new Refusal('RUN_TAKEN_OVER', {})
}

function answered({ answer, called, returned, request }: RecordAnswer, { rounds }: StartedRun): RunEvent[] {
  const { step } = answer
  return [
    { type: 'ModelAnswered', version: 3, data: answer },
    ...called.map((call) => ({ type: 'ToolCalled', version: 1, data: { step, ...call } }) as const),
    ...returned.map((data) => ({ type: 'ToolReturned', version: 1, data }) as const),
    ...(request ? [requested(request, step, rounds + 1)] : []),
  ]
}

function requested({ calls, expiresAt }: NonNullable<RecordAnswer['request']>, step: number, round: number): RunEvent {
  return { type: 'ToolOutputsRequested', version: 1, data: { step, round, calls: [...calls], expiresAt } }
}

function submitted({ outputs, node, at, deadline, config }: SubmitToolOutputs, state: StartedRun): RunEvent[] {
  if (!state.pending) throw new Refusal('RUN_NOT_WAITING', { status: state.status })
  const { callIds, expiresAt } = state.pending
  if (at > expiresAt) throw new Refusal('TOOL_OUTPUTS_EXPIRED', { expiresAt })
  const given = outputs.map((o) => o.callId)
  const unknown = given.find((id) => !callIds.includes(id))
  if (unknown !== undefined) throw new Refusal('TOOL_OUTPUTS_WRONG', { callId: unknown, because: 'unknown' })
  const twice = given.find((id, i) => given.indexOf(id) !== i)
  if (twice !== undefined) throw new Refusal('TOOL_OUTPUTS_WRONG', { callId: twice, because: 'doubled' })
  const missing = callIds.find((id) => !given.includes(id))
  if (missing !== undefined) throw new Refusal('TOOL_OUTPUTS_WRONG', { callId: missing, because: 'missing' })
  const data = { round: state.rounds, outputs: [...outputs], node, fence: state.fence + 1, deadline }
  return [{ type: 'ToolOutputsSubmitted', version: 1, data }, ...reconfigured(config, state)]
}

function complete({ answer, durationMs }: CompleteRun, before: Tokens): RunEvent[] {
  const tokens = plus(before, answer.tokens)
  return [
    { type: 'ModelAnswered', version: 3, data: answer },
    {
      type: 'RunCompleted',
      version: 1,
      data: { message: answer.content || (answer.refusal ?? ''), tokens, durationMs },
    },
  ]
}

function reconfigured(data: RunConfig, { config }: StartedRun): RunEvent[] {
  const same = (Object.keys(data) as (keyof RunConfig)[]).every((field) => data[field] === config[field])
  return same ? [] : [{ type: 'RunReconfigured', version: 1, data }]
}

type Tokens = { input: number; output: number }
const plus = (a: Tokens, b: Tokens): Tokens => ({ input: a.input + b.input, output: a.output + b.output })
