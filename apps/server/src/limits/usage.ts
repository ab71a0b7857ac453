import type { ProjectLimits } from '@stewrd/core/projects/limits.ts'
import { noLimits } from '@stewrd/core/projects/limits.ts'
import type { MonthRow } from '@stewrd/core/runs/months.projection.ts'
import { monthOf } from '@stewrd/core/runs/months.projection.ts'
import { monthUsed } from '../credits/create.ts'
import type { CreditsNow } from '../credits/service.ts'
import { creditsNow } from '../credits/service.ts'
import type { Platform } from '../platform.ts'
import { projectOf } from '../projects/project-of.ts'
import type { Budget } from './budget.ts'
import { budgetsOf } from './budget.ts'

/** A project's month so far (UTC), with what it may use. `serverRunsPerMinute`: what counts while it has no limit of its own. */
export type ProjectUsage = {
  revision: number
  month: Omit<MonthRow, 'projectId'>
  limits: ProjectLimits
  serverRunsPerMinute: number
  budgets: Budget[]
  credits: CreditsNow
}

export async function projectUsage(platform: Platform, projectId: string): Promise<ProjectUsage> {
  const [project, used, credits] = await Promise.all([
    projectOf(platform, projectId),
    monthUsed(platform, projectId),
    creditsNow(platform),
  ])
  const limits = project.limits ?? noLimits
  const { projectId: _, ...month } = used ?? { projectId, month: monthOf(platform.now()), ...nothing }
  const { revision } = project
  return {
    revision,
    month,
    limits,
    serverRunsPerMinute: platform.runsPerMinute,
    budgets: budgetsOf(limits, used),
    credits,
  }
}

const nothing = { requests: 0, completed: 0, failed: 0, credits: 0, tokens: 0, costNanoUsd: 0, unpriced: 0 }

/** `GET /v1/usage`: the same in the words of the wire. Never null: what is not limited is left out. */
export function usageBody(projectId: string, { month, limits, serverRunsPerMinute, budgets, credits }: ProjectUsage) {
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
    },
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
