import type { Projection } from '../kernel/projection.ts'
import type { RunEvent } from './events.ts'

export type RunRow = {
  runId: string
  projectId: string
  status: 'running' | 'completed' | 'failed'
  actor: string
  provider: string
  model: string
  keySource: 'project' | 'default' | 'demo'
  keyFingerprint: string | null
  /** The key that it went on with, when the provider refused the one it started on. */
  fallbackFingerprint?: string
  configRevision: number
  stream: boolean
  node: string
  startedAt: number
  endedAt: number | null
  durationMs: number | null
  tokens: number
  credits: number
  error: string | null
}

/** The id of the run that a `run:<id>` stream is about. */
export const runIdOf = (stream: string) => stream.slice('run:'.length)

/** One row a run, without what was said in it: that stays sealed in its events. */
export const runsView: Projection<RunEvent, RunRow> = {
  name: 'runs',
  version: 1,
  key: ({ stream }) => runIdOf(stream),
  evolve(row, { event, projectId, stream, at, actor }) {
    if (event.type === 'RunStarted') {
      const { provider, model, keySource, keyFingerprint, configRevision, credits, node } = event.data
      const began = { runId: runIdOf(stream), projectId, actor, startedAt: at, stream: event.data.stream }
      const used = { provider, model, keySource, keyFingerprint, configRevision, credits, node }
      return { ...began, ...used, status: 'running', endedAt: null, durationMs: null, tokens: 0, error: null }
    }
    if (!row) return row
    switch (event.type) {
      case 'KeyFellBack':
        return { ...row, fallbackFingerprint: event.data.to }
      case 'ModelAnswered':
        return { ...row, tokens: row.tokens + event.data.tokens.input + event.data.tokens.output }
      case 'RunCompleted':
        return { ...row, status: 'completed', endedAt: at, durationMs: event.data.durationMs }
      case 'RunFailed':
        return { ...row, status: 'failed', endedAt: at, durationMs: event.data.durationMs, error: event.data.code }
      default:
        return event satisfies never
    }
  },
}
