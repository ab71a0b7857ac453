import { FREE_CREDITS } from '@stewrd/core/credits/month.ts'
import { Refusal } from '@stewrd/core/kernel/errors.ts'
import type { CommandMeta } from '@stewrd/core/kernel/execute.ts'
import { StoreUnavailable } from '@stewrd/core/kernel/execute.ts'
import type { ProjectLimits } from '@stewrd/core/projects/limits.ts'
import { noLimits } from '@stewrd/core/projects/limits.ts'
import type { MonthRow } from '@stewrd/core/runs/months.projection.ts'
import { endEvents } from '@stewrd/core/runs/runs.ts'
import type { CreditBalance } from '@stewrd/db/credits/ledger.ts'
import { LRUCache } from 'lru-cache'
import { budgetsOf } from '../limits/budget.ts'
import type { Place } from '../limits/local-minute.ts'
import { LocalMinute } from '../limits/local-minute.ts'
import type { AccountUsage } from '../runs/answer-body.ts'
import { unmetered } from '../runs/answer-body.ts'
import { ContractError } from '../runs/contract-error.ts'

/** So old may be what a budget is judged by. */
const MONTH_MS = 2_000
/** So often the limits of a project that is over them are looked at again. */
const LOOK_MS = 1_000

type Options = {
  metering: boolean
  /** For projects that set none; 0: any number. */
  perMinute: number
  month(projectId: string): Promise<MonthRow | undefined>
  balance(): Promise<CreditBalance>
}
type Start = { projectId: string; runId: string; limits: ProjectLimits | undefined; credits: number }

/**
 * What a run has to pass to begin, and pays. Credits, the minute and runs at once are judged by the very statement that appends RunStarted:
 * no round trip of their own, and nothing counts that did not begin. In parallel to it a run would have to be taken back, with its credits;
 * before it would cost a round trip. Where nothing is limited or metered, the statement is the one without.
 */
export class Tolls {
  readonly #options: Options
  readonly #minute = new LocalMinute()
  readonly #looked = new LRUCache<string, true>({ max: 10_000, ttl: LOOK_MS })
  readonly #months = new LRUCache<string, { month: MonthRow | undefined }>({ max: 10_000, ttl: MONTH_MS })

  constructor(options: Options) {
    this.#options = options
  }

  /** Carries out `begin` with what its statement must demand. Throws what turned it away, as the wire contract says it. */
  async pass<T>(start: Start, begin: (meta: Pick<CommandMeta, 'credits' | 'limits'>) => Promise<T>): Promise<T> {
    const { projectId, runId, credits, limits = noLimits } = start
    if (limits.monthlyTokens !== null || limits.monthlyCents !== null) await this.#withinBudget(projectId, limits)
    const perMinute = limits.runsPerMinute ?? this.#options.perMinute
    const place = perMinute > 0 ? this.#take(projectId, perMinute) : undefined
    const limited = perMinute > 0 || limits.runsAtOnce !== null
    try {
      return await begin({
        ...(this.#options.metering && credits > 0 && { credits: { kind: 'reserve', runId, amount: credits } }),
        ...(limited && {
          limits: {
            ...(perMinute > 0 && { perMinute }),
            ...(limits.runsAtOnce !== null && { atOnce: limits.runsAtOnce }),
            endedBy: endEvents,
          },
        }),
      })
    } catch (error) {
      leave(place, error)
      throw asContract(error)
    }
  }

  /**
   * Whether to look at the project's limits again before this is told to the client: what turned it away without asking the database may
   * know old ones. True at most once a second for a project.
   */
  mayHaveChanged(projectId: string, error: unknown): boolean {
    const limited =
      error instanceof ContractError && (error.code === 'rate_limited' || error.code === 'budget_exceeded')
    if (!limited || this.#looked.has(projectId)) return false
    this.#looked.set(projectId, true)
    return true
  }

  /** As the answers of the API say it. */
  async account(): Promise<AccountUsage> {
    if (!this.#options.metering) return unmetered
    const { free, paid, total } = await this.#options.balance()
    return { creditsLeft: total, used: FREE_CREDITS - free, limit: FREE_CREDITS + paid }
  }

  #take(projectId: string, perMinute: number): Place {
    try {
      return this.#minute.take(projectId, perMinute)
    } catch (error) {
      throw asContract(error)
    }
  }

  /** Runs under way may still go over it: what they use is known when they used it. */
  async #withinBudget(projectId: string, limits: ProjectLimits): Promise<void> {
    let known = this.#months.get(projectId)
    if (!known) {
      known = { month: await this.#options.month(projectId) }
      this.#months.set(projectId, known)
    }
    const spent = budgetsOf(limits, known.month).find(({ state }) => state === 'spent')
    if (!spent) return
    const limit = spent.what === 'tokens' ? `${spent.limit} tokens` : `${(spent.limit / 100).toFixed(2)} US dollars`
    throw new ContractError(
      'budget_exceeded',
      `This project has used up its budget of ${limit} a month. Its owner can raise it in the dashboard; a new month begins at midnight UTC on the first.`,
    )
  }
}

/** Nobody knows whether a start began that the database did not answer: it keeps its place. */
function leave(place: Place | undefined, error: unknown): void {
  if (error instanceof Refusal && error.code === 'RATE_LIMITED')
    place?.refused((error as Refusal<'RATE_LIMITED'>).details.retryAfter)
  else if (!(error instanceof StoreUnavailable)) place?.giveBack()
}

function asContract(error: unknown): unknown {
  if (!(error instanceof Refusal)) return error
  const refusal: Refusal = error
  switch (refusal.code) {
    case 'INSUFFICIENT_CREDITS':
      return new ContractError('insufficient_credits', 'No credits remaining.', { cause: refusal })
    case 'RATE_LIMITED': {
      const { perMinute, retryAfter } = refusal.details as Refusal<'RATE_LIMITED'>['details']
      return new ContractError('rate_limited', refusal.message, {
        retryAfter,
        minute: { limit: perMinute, remaining: 0, resetSeconds: retryAfter },
        cause: refusal,
      })
    }
    case 'RUNS_AT_LIMIT':
      return new ContractError('rate_limited', refusal.message, { retryAfter: 2, cause: refusal })
    default:
      return refusal
  }
}
