import { Refusal } from '@stewrd/core/kernel/errors.ts'
import type { Meters } from '@stewrd/core/kernel/execute.ts'
import type { Sql } from '../connect.ts'
import { runWithin } from '../db-error.ts'
import type { Unit } from './append.ts'
import { countCtes, limitsAsked, meterCtes } from './meter.ts'
import { bookCtes, creditsAsked, purseCtes, unpaidCte } from './purse.ts'

/** How the statement left a unit that asked for credits or a place under limits, appended or not. */
export type TollRow = {
  /** Credits; null when the account has no balance row yet. */
  left: number | null
  /** Null when the project has no meter yet. */
  used: number | null
  open: number | null
  reset: number | null
}
export type TollFailure = { kind: 'toll'; refusal: Refusal | undefined; missing: boolean }

/** The parts of the statement that appends which a toll needs, and nothing at all where nobody asks. */
export function tollParts(sql: Sql, units: readonly Unit[]) {
  const [credits, limits] = [creditsAsked(units), limitsAsked(units)]
  const [paying, limited] = [credits.length > 0, limits.length > 0]
  if (!paying && !limited) return undefined
  return {
    before: sql`
      ${paying ? purseCtes(sql, credits) : sql``}
      ${limited ? meterCtes(sql, limits, { paying }) : sql``}
      ${paying ? unpaidCte(sql, { limited }) : sql``}
      , refused as materialized (
        ${limited ? sql`select nth from over` : sql`select null::int as nth where false`}
        ${paying ? sql`union all select nth from unpaid` : sql``}
      )`,
    after: sql`${paying ? bookCtes(sql) : sql``} ${limited ? countCtes(sql) : sql``}`,
    rows: sql`
      union all
      select nth, null, null, jsonb_build_object(
        'left', ${paying ? sql`(select credits from rest where rest.account_id = u.account_id)` : sql`null`},
        ${
          limited
            ? sql`'used', m.used, 'open', cardinality(m.open) + cardinality(m.streams),
                'reset', coalesce(m.seconds[1] + 61 - m.now, 60)`
            : sql`'used', null, 'open', null, 'reset', null`
        })
      from unit u ${limited ? sql`left join metered m using (account_id, project_id)` : sql``}
      where nth in (${paying ? sql`select nth from credit_ask` : sql``} ${paying && limited ? sql`union` : sql``}
        ${limited ? sql`select nth from limit_ask` : sql``})`,
  }
}

/** What the caller of an appended unit is told. */
export function metersOf({ limits }: Unit, { left, used, reset }: TollRow): Meters {
  const limit = limits?.perMinute
  return {
    ...(left !== null && { creditsLeft: left }),
    ...(limit !== undefined &&
      used !== null && { minute: { limit, remaining: Math.max(0, limit - used), resetSeconds: reset! } }),
  }
}

/**
 * Why a unit was turned away. Without a refusal it is worth another try: in its company it was too much, or what it needs to lock is not
 * there yet, or the toll was not what stopped it.
 */
export function tollFailure({ limits, credits }: Unit, { left, used, open, reset }: TollRow): TollFailure {
  if ((limits && used === null) || (left === null && credits.some((c) => 'amount' in c)))
    return { kind: 'toll', refusal: undefined, missing: true }
  return { kind: 'toll', refusal: refusalOf(), missing: false }

  function refusalOf(): Refusal | undefined {
    const { perMinute, atOnce } = limits ?? {}
    if (perMinute !== undefined && used! >= perMinute)
      return new Refusal('RATE_LIMITED', { perMinute, retryAfter: reset! })
    if (atOnce !== undefined && open! >= atOnce) return new Refusal('RUNS_AT_LIMIT', { atOnce })
    const needed = credits.reduce((sum, c) => sum + (c.kind === 'reserve' ? c.amount : 0), 0)
    return left !== null && needed > left ? new Refusal('INSUFFICIENT_CREDITS', { needed, left }) : undefined
  }
}

/** Gives an account a balance and a project a meter, so that there is a row to lock. The month is long ago: the first use brings the free credits. */
export async function placeTolls(sql: Sql, { id, limits, credits }: Unit): Promise<void> {
  if (limits)
    await runWithin(sql`
      insert into run_meters (account_id, project_id) values (${id.accountId}, ${id.projectId}) on conflict do nothing`)
  if (credits.length > 0)
    await runWithin(sql`
      insert into credit_balances (account_id, month, free, paid) values (${id.accountId}, '1970-01-01', 0, 0)
      on conflict do nothing`)
}
