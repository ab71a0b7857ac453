import type { MonthRow } from '@stewrd/core/runs/months.projection.ts'
import { monthKey } from '@stewrd/core/runs/months.projection.ts'
import { creditBalance } from '@stewrd/db/credits/ledger.ts'
import type { Env } from '../env.ts'
import type { Platform } from '../platform.ts'
import { Tolls } from './tolls.ts'

type Deps = Pick<Platform, 'accountId' | 'sql' | 'views' | 'now'>

export const createTolls = ({ metering, runsPerMinute }: Env, deps: Deps) =>
  new Tolls({
    metering,
    perMinute: runsPerMinute,
    month: (projectId) => monthUsed(deps, projectId),
    balance: () => creditBalance(deps.sql, deps.accountId),
  })

/** What a project has used this month. */
export const monthUsed = ({ views, accountId, now }: Omit<Deps, 'sql'>, projectId: string) =>
  views.get<MonthRow>('run-months', accountId, monthKey(projectId, now()))
