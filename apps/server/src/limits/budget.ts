import type { ProjectLimits } from '@stewrd/core/projects/limits.ts'
import type { MonthRow } from '@stewrd/core/runs/months.projection.ts'

/** From here on people are warned. */
const WARN_AT = 0.8

export type Budget = {
  what: 'tokens' | 'cost'
  /** Tokens, or US cents. */
  used: number
  limit: number
  state: 'within' | 'warning' | 'spent'
}

/** How a project stands against each of its budgets this month. Costs that nobody knows count for nothing. */
export function budgetsOf(
  { monthlyTokens, monthlyCents }: Pick<ProjectLimits, 'monthlyTokens' | 'monthlyCents'>,
  month: Pick<MonthRow, 'tokens' | 'costNanoUsd'> | undefined,
): Budget[] {
  const tokens = monthlyTokens === null ? [] : [budget('tokens', month?.tokens ?? 0, monthlyTokens)]
  const cents = (month?.costNanoUsd ?? 0) / 10_000_000
  return [...tokens, ...(monthlyCents === null ? [] : [budget('cost', cents, monthlyCents)])]
}

const budget = (what: Budget['what'], used: number, limit: number): Budget => ({
  what,
  used,
  limit,
  state: used >= limit ? 'spent' : used >= limit * WARN_AT ? 'warning' : 'within',
})
