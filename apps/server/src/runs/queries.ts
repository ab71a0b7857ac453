import { Refusal } from '@stewrd/core/kernel/errors.ts'
import type { Recorded } from '@stewrd/core/kernel/event.ts'
import type { RunFile } from '@stewrd/core/kernel/run-file.ts'
import type { RunEvent, RunStartedData } from '@stewrd/core/runs/events.ts'
import type { RunRow } from '@stewrd/core/runs/runs.projection.ts'
import type { StartedRun } from '@stewrd/core/runs/runs.ts'
import { runs, runStream } from '@stewrd/core/runs/runs.ts'
import { folded } from '../kernel/folded.ts'
import type { Platform } from '../platform.ts'
import { streamOf } from '../projects/project-of.ts'

export type RunFacets = Record<'model' | 'keyFingerprint', string[]>
export type RunFilter = {
  projectId: string
  status?: RunRow['status'] | undefined
  model?: string | undefined
  keyFingerprint?: string | undefined
  sessionId?: string | undefined
}
/** Newest first. `nextCursor` asks for the older runs after these; null at the end. */
export type RunPage = { runs: RunRow[]; nextCursor: number | null }
/** A run with what was said in it. `message` is the answer, or why it failed; empty while it is running. */
export type RunDetail = {
  runId: string
  projectId: string
  status: StartedRun['status']
  object: RunStartedData['object']
  sessionId: string | null
  request: string
  files: readonly RunFile[]
  capabilities: readonly string[]
  message: string
  error: string | null
  provider: string
  baseUrl: string
  model: string
  keySource: 'project' | 'default' | 'demo'
  keyFingerprint: string | null
  /** The old key that it went on with, when the provider answered 401 to the one it started on. */
  fallback?: string
  configRevision: number
  node: string
  stream: boolean
  steps: number
  costNanoUsd: number | null
  /** Every event, in order; the first one starts it. */
  events: { seq: number; at: number; actor: string; eventId: string; event: RunEvent }[]
  tokens: { input: number; output: number }
  credits: number
  startedAt: number
  endedAt: number | null
  durationMs: number
  actor: string
}

export async function runPage(
  { views, accountId }: Platform,
  {
    projectId,
    cursor,
    limit,
    status,
    model,
    keyFingerprint,
    sessionId,
  }: RunFilter & { cursor?: number | null | undefined; limit: number },
): Promise<RunPage> {
  const before = typeof cursor === 'number' ? { before: cursor } : {}
  const { rows, next } = await views.list<RunRow>('runs', accountId, {
    projectId,
    limit,
    where: compact({ status, model, keyFingerprint, sessionId }),
    ...before,
  })
  return { runs: rows, nextCursor: next ?? null }
}

/** What the newest runs of a project have, for filters. */
export const runFacets = ({ views, accountId }: Platform, projectId: string): Promise<RunFacets> =>
  views.facets('runs', accountId, { projectId, fields: ['model', 'keyFingerprint'], among: 2_000 })

const compact = (filter: Readonly<Record<string, string | undefined>>) =>
  Object.fromEntries(Object.entries(filter).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])))

/** Folded from the run's own stream: as new as its last event. */
export async function runDetail(platform: Platform, projectId: string, runId: string): Promise<RunDetail> {
  const recorded = (await platform.store.read(streamOf(platform, projectId, runStream(runId)))) as Recorded<RunEvent>[]
  const first = recorded.find((r) => r.projectId === projectId)
  const state = folded(
    runs,
    recorded.map((r) => r.event),
  )
  if (!first || state.status === 'none') throw new Refusal('NOT_FOUND', { what: 'run', id: runId })
  const { started, config, status, message, error, steps, tokens, costNanoUsd, durationMs, fallback, node } = state
  const { message: request, object, sessionId, capabilities, stream, credits } = started
  return {
    runId,
    projectId,
    ...config,
    ...(fallback !== undefined && { fallback }),
    object,
    sessionId,
    capabilities,
    stream,
    credits,
    status,
    message,
    error,
    steps,
    tokens,
    costNanoUsd,
    durationMs,
    node,
    request,
    files: first.event.type === 'RunStarted' ? first.event.data.files : [],
    startedAt: first.at,
    endedAt: status === 'running' || status === 'waiting' ? null : (recorded.at(-1)?.at ?? first.at),
    actor: first.actor,
    events: recorded.map(({ seq, at, actor, eventId, event }) => ({ seq, at, actor, eventId, event })),
  }
}
