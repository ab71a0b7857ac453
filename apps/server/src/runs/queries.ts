import { Refusal } from '@stewrd/core/kernel/errors.ts'
import type { RunRow } from '@stewrd/core/runs/runs.projection.ts'
import { runs, runStream } from '@stewrd/core/runs/runs.ts'
import type { Platform } from '../platform.ts'
import { streamOf } from '../projects/project-of.ts'

/** Newest first. `nextCursor` asks for the older runs after these; null at the end. */
export type RunPage = { runs: RunRow[]; nextCursor: string | null }
/** A run with what was said in it. `message` is the answer, or why it failed; empty while it is running. */
export type RunDetail = {
  runId: string
  projectId: string
  status: 'running' | 'completed' | 'failed'
  request: string
  capabilities: readonly string[]
  message: string
  error: string | null
  provider: string
  baseUrl: string
  model: string
  keySource: 'project' | 'default' | 'demo'
  keyFingerprint: string | null
  configRevision: number
  node: string
  stream: boolean
  steps: number
  tokens: { input: number; output: number }
  credits: number
  startedAt: number | null
  durationMs: number
  actor: string | null
}

export async function runPage(
  { views, accountId }: Platform,
  { projectId, cursor, limit }: { projectId: string; cursor?: string | null | undefined; limit: number },
): Promise<RunPage> {
  const before = cursor ? { before: cursor } : {}
  const { rows, next } = await views.list<RunRow>('runs', accountId, { projectId, limit, ...before })
  return { runs: rows, nextCursor: next ?? null }
}

/** Read from the run's own stream: as new as its last event. */
export async function runDetail(platform: Platform, projectId: string, runId: string): Promise<RunDetail> {
  const row = await platform.views.get<RunRow>('runs', platform.accountId, runId)
  if (row && row.projectId !== projectId) throw new Refusal('NOT_FOUND', { what: 'run', id: runId })
  const { state } = await platform.store.head(runs, streamOf(platform, projectId, runStream(runId)))
  if (state.status === 'none') throw new Refusal('NOT_FOUND', { what: 'run', id: runId })
  const { started, ...ended } = state
  const { message: request, object: _, ...on } = started
  return { runId, projectId, ...on, ...ended, request, startedAt: row?.startedAt ?? null, actor: row?.actor ?? null }
}
