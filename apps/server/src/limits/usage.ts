import type { ProjectLimits } from '@stewrd/core/projects/limits.ts'
import { noLimits } from '@stewrd/core/projects/limits.ts'
import type { MonthRow } from '@stewrd/core/runs/months.projection.ts'
import { SESSION_MS } from '@stewrd/core/sessions/sessions.ts'
import type { FileUse } from '@stewrd/db/files/stored-files.ts'
import { monthOf } from '@stewrd/core/runs/months.projection.ts'
import { monthUsed } from '../credits/create.ts'
import type { CreditsNow } from '../credits/service.ts'
import { creditsNow } from '../credits/service.ts'
import type { ServerStorage } from '../files/quota.ts'
import { fileLimits } from '../files/quota.ts'
import type { Platform } from '../platform.ts'
import { projectOf } from '../projects/project-of.ts'
import { activeSessions } from '../sessions/queries.ts'
import type { Budget } from './budget.ts'
import { budgetsOf } from './budget.ts'

/** A project's month so far (UTC), with what it may use. `serverRunsPerMinute`: what counts while it has no limit of its own. */
export type ProjectUsage = {
  revision: number
  month: Omit<MonthRow, 'projectId'>
  limits: ProjectLimits
  serverRunsPerMinute: number
  /** What counts for files and sessions while the project has no limit of its own; 0: any number. */
  server: ServerStorage & { openSessions: number }
  /** What it keeps now. */
  kept: FileUse & { openSessions: number }
  budgets: Budget[]
  credits: CreditsNow
}

export async function projectUsage(platform: Platform, projectId: string): Promise<ProjectUsage> {
  const since = platform.now() - SESSION_MS
  const [project, used, credits, files, openSessions] = await Promise.all([
    projectOf(platform, projectId),
    monthUsed(platform, projectId),
    creditsNow(platform),
    platform.files.quota.use(projectId),
    activeSessions(platform, { projectId, since, recent: [] }),
  ])
  const limits = project.limits ?? noLimits
  const { projectId: _, ...month } = used ?? { projectId, month: monthOf(platform.now()), ...nothing }
  const { revision } = project
  return {
    revision,
    month,
    limits,
    serverRunsPerMinute: platform.runsPerMinute,
    server: { ...platform.storage, openSessions: platform.sessionLimit },
    kept: { ...files, openSessions },
    budgets: budgetsOf(limits, used),
    credits,
  }
}

const nothing = { requests: 0, completed: 0, failed: 0, credits: 0, tokens: 0, costNanoUsd: 0, unpriced: 0 }

/** `GET /v1/usage`: the same in the words of the wire. Never null: what is not limited is left out. */
export function usageBody(projectId: string, usage: ProjectUsage) {
  const { month, limits, serverRunsPerMinute, server, kept, budgets, credits } = usage
  const stored = fileLimits(limits, server)
  const perMinute = limits.runsPerMinute ?? serverRunsPerMinute
  return {
    object: 'usage',
    project_id: projectId,
    month: month.month,
    requests: month.requests,
    completed: month.completed,
    failed: month.failed,
    tokens: month.tokens,
    credits: month.credits,
    cost_usd: month.costNanoUsd / 1e9,
    answers_without_price: month.unpriced,
    limits: {
      ...(perMinute > 0 && { requests_per_minute: perMinute }),
      ...(limits.runsAtOnce !== null && { runs_at_once: limits.runsAtOnce }),
      ...(stored.bytes !== null && { stored_bytes: stored.bytes }),
      ...(stored.files !== null && { stored_files: stored.files }),
      open_sessions: limits.openSessions ?? server.openSessions,
    },
    stored: { files: kept.files, bytes: kept.bytes },
    open_sessions: kept.openSessions,
    budgets: budgets.map(({ what, used, limit, state }) =>
      what === 'tokens' ? { what, used, limit, state } : { what, used: used / 100, limit: limit / 100, state },
    ),
    account: {
      metering: credits.metering,
      credits_remaining: credits.total,
      free_credits_remaining: credits.free,
      free_credits_renew_at: new Date(credits.renewsAt).toISOString(),
    },
  }
}
