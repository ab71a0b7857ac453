import type { RotationDue } from '@stewrd/core/audit/due.ts'
import type { KeyCustodyRow } from '@stewrd/core/key-custody/key-custody.projection.ts'
import type { KeyHealthRow } from '@stewrd/core/key-health/key-health.projection.ts'
import { keyHealthRowKey } from '@stewrd/core/key-health/key-health.projection.ts'
import type { LlmRow } from '@stewrd/core/llm/llm.projection.ts'
import type { ProviderId } from '@stewrd/core/llm/providers.ts'
import type { ProjectRow } from '@stewrd/core/projects/projects.projection.ts'
import type { RunRow } from '@stewrd/core/runs/runs.projection.ts'
import { dueOf } from '../key-custody/service.ts'
import type { KeyHealthNow } from '../llm/current.ts'
import { fallbackLlm, healthNow } from '../llm/current.ts'
import type { Platform } from '../platform.ts'

/** A row of the list of projects. `llm.status` as in `llm.current`. */
export type ProjectListItem = ProjectRow & {
  llm: {
    status: 'own' | 'default' | 'demo' | 'none'
    provider: ProviderId | null
    model: string | null
    keyFingerprint: string | null
    revision: number
    changedAt: number | null
  }
  health: KeyHealthNow
  /** When the key has to be rotated; null without a key of its own. */
  rotation: RotationDue | null
  lastRun: { runId: string; status: RunRow['status']; startedAt: number; model: string } | null
}

/** All projects, newest first, joined from views: as new as the projector, which changes wait for. */
export async function listProjects(platform: Platform): Promise<ProjectListItem[]> {
  const rows = await all<ProjectRow>(platform, 'projects')
  const llms = new Map((await all<LlmRow>(platform, 'llm')).map((row) => [row.projectId, row]))
  const ruled = new Map((await all<KeyCustodyRow>(platform, 'key-custody')).map((r) => [r.projectId, r.maxAgeDays]))
  const items = await Promise.all(
    rows.map((row) => listItem(platform, row, llms.get(row.projectId), ruled.get(row.projectId) ?? null)),
  )
  return items.sort((a, b) => b.createdAt - a.createdAt)
}

async function listItem(
  platform: Platform,
  row: ProjectRow,
  own: LlmRow | undefined,
  ruled: number | null,
): Promise<ProjectListItem> {
  const { accountId, views } = platform
  const [health, runs] = await Promise.all([
    own && views.get<KeyHealthRow>('key-health', accountId, keyHealthRowKey(row.projectId, own.keyFingerprint)),
    views.list<RunRow>('runs', accountId, { projectId: row.projectId, limit: 1 }),
  ])
  const rotation = row.status === 'active' ? dueOf(platform, own?.keySetAt, ruled) : null
  return { ...row, llm: shortLlm(platform, own), health: healthNow(health), rotation, lastRun: shortRun(runs.rows[0]) }
}

function shortLlm(platform: Platform, own: LlmRow | undefined): ProjectListItem['llm'] {
  if (own)
    return {
      status: 'own',
      provider: own.provider.provider,
      model: own.model,
      keyFingerprint: own.keyFingerprint,
      revision: own.revision,
      changedAt: own.changedAt,
    }
  const { status, provider, model } = fallbackLlm(platform.fallback)
  return { status, provider, model, keyFingerprint: null, revision: 0, changedAt: null }
}

const shortRun = (run: RunRow | undefined): ProjectListItem['lastRun'] =>
  run ? { runId: run.runId, status: run.status, startedAt: run.startedAt, model: run.model } : null

async function all<Row extends object>({ views, accountId }: Platform, view: string): Promise<Row[]> {
  const rows: Row[] = []
  let before: number | undefined
  do {
    const page = await views.list<Row>(view, accountId, { limit: 500, ...(before === undefined ? {} : { before }) })
    rows.push(...page.rows)
    before = page.next
  } while (before !== undefined)
  return rows
}
