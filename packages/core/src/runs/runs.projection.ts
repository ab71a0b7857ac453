import type { Projection } from '../kernel/projection.ts'
import type { RunEvent, RunStartedData } from './events.ts'

export type RunRow = {
  runId: string
  projectId: string
  object: RunStartedData['object']
  sessionId: string | null
  status: 'running' | 'waiting' | 'completed' | 'failed' | 'cancelled'
  actor: string
  provider: string
  model: string
  keySource: 'project' | 'default' | 'demo'
  keyFingerprint: string | null
  /** The key that it went on with, when the provider refused the one it started on. */
  fallbackFingerprint?: string
  configRevision: number
  capabilities: string[]
  stream: boolean
  node: string
  fence: number
  startedAt: number
  /** Of the tool outputs that it waits for; null otherwise. */
  expiresAt: number | null
  endedAt: number | null
  durationMs: number | null
  steps: number
  toolCalls: number
  tokens: number
  /** Some of them are our estimate: the provider did not count. Absent otherwise. */
  tokensEstimated?: true
  costNanoUsd: number | null
  credits: number
  error: string | null
}

/** The id of the run that a `run:<id>` stream is about. */
export const runIdOf = (stream: string) => stream.slice('run:'.length)

/** One row a run, without what was said in it: that stays sealed in its events. */
export const runsView: Projection<RunEvent, RunRow> = {
  name: 'runs',
  version: 2,
  key: ({ stream }) => runIdOf(stream),
  evolve(row, { event, projectId, stream, at, actor }) {
    if (event.type === 'RunStarted') {
      const { object, sessionId, provider, model, keySource, keyFingerprint } = event.data
      const { configRevision, capabilities, credits, node, stream: streamed } = event.data
      const began = { runId: runIdOf(stream), projectId, object, sessionId, actor, startedAt: at, stream: streamed }
      const used = { provider, model, keySource, keyFingerprint, configRevision, capabilities, credits, node, fence: 1 }
      const nothing = { expiresAt: null, endedAt: null, durationMs: null, costNanoUsd: null, error: null }
      return { ...began, ...used, ...nothing, status: 'running', steps: 0, toolCalls: 0, tokens: 0 }
    }
    if (!row) return row
    switch (event.type) {
      case 'KeyFellBack':
        return { ...row, fallbackFingerprint: event.data.to }
      case 'RunReconfigured': {
        const { baseUrl: _, ...used } = event.data
        return { ...row, ...used }
      }
      case 'RunResumed':
        return { ...row, node: event.data.node, fence: event.data.fence }
      case 'ModelAnswered': {
        const { step, toolCalls, tokens, tokensEstimated, costNanoUsd } = event.data
        const cost = costNanoUsd === null ? row.costNanoUsd : (row.costNanoUsd ?? 0) + costNanoUsd
        const counted = {
          tokens: row.tokens + tokens.input + tokens.output,
          toolCalls: row.toolCalls + toolCalls.length,
          ...(tokensEstimated && { tokensEstimated }),
        }
        return { ...row, ...counted, steps: step, costNanoUsd: cost }
      }
      case 'RunFellBack':
      case 'ToolCalled':
      case 'ToolReturned':
        return row
      case 'ToolOutputsRequested':
        return { ...row, status: 'waiting', expiresAt: event.data.expiresAt }
      case 'ToolOutputsSubmitted':
        return { ...row, status: 'running', expiresAt: null, node: event.data.node, fence: event.data.fence }
      case 'RunCompleted':
        return { ...row, status: 'completed', endedAt: at, durationMs: event.data.durationMs }
      case 'RunFailed': {
        const { durationMs, code } = event.data
        return { ...row, status: 'failed', expiresAt: null, endedAt: at, durationMs, error: code }
      }
      case 'RunCancelled':
        return { ...row, status: 'cancelled', expiresAt: null, endedAt: at, durationMs: event.data.durationMs }
      default:
        return event satisfies never
    }
  },
}
