import { describeEvent } from '@stewrd/core/catalog.ts'
import type { Sentence } from '@stewrd/core/kernel/sentence.ts'
import { llmStream } from '@stewrd/core/llm/llm.ts'
import type { Bucket, UsageBucket, UsageBy, UsageFilter, UsageSums } from '@stewrd/db/usage/usage.ts'
import { bucketStarts, usageByRevision, usageOverTime } from '@stewrd/db/usage/usage.ts'
import type { Platform } from '../platform.ts'

/** What a run cost on average before and after a change; null where no run's cost is known. */
export type CostChange = { before: number | null; after: number | null }
/** A change of a project's configuration. `nanoUsdPerRun`: of the revision before it and of its own. */
export type UsageMark = { at: number; projectId: string; revision: number; text: Sentence; nanoUsdPerRun: CostChange }
export type UsageReport = {
  from: number
  to: number
  bucket: Bucket
  /** When each bucket begins, also those in which nothing ran. */
  starts: number[]
  buckets: UsageBucket[]
  totals: UsageSums
  marks: UsageMark[]
}

const DAY_MS = 86_400_000
/** Changes that are marked; a project that changes more often shows the newest. */
const MOST_MARKS = 100

type Asked = UsageFilter & { by: UsageBy; timeZone: string }

/** What runs used, in hours for up to three days and in days of the time zone otherwise, with what was changed meanwhile. */
export async function usageReport(platform: Platform, asked: Asked): Promise<UsageReport> {
  const { sql, accountId } = platform
  const bucket = asked.to - asked.from <= 3 * DAY_MS ? 'hour' : 'day'
  const [starts, buckets, revisions, changes] = await Promise.all([
    bucketStarts(sql, { ...asked, bucket }),
    usageOverTime(sql, accountId, { ...asked, bucket }),
    usageByRevision(sql, accountId, asked),
    changesIn(platform, asked),
  ])
  const average = (projectId: string, revision: number) => {
    const found = revisions.find((one) => one.projectId === projectId && one.revision === revision)
    const priced = found ? found.runs - found.unpriced : 0
    return found && priced > 0 ? Math.round(found.costNanoUsd / priced) : null
  }
  const marks = changes.map((change) => ({
    ...change,
    nanoUsdPerRun: {
      before: average(change.projectId, change.revision - 1),
      after: average(change.projectId, change.revision),
    },
  }))
  return { from: asked.from, to: asked.to, bucket, starts, buckets, totals: totalOf(buckets), marks }
}

async function changesIn({ history, accountId }: Platform, { projectId, from, to }: UsageFilter) {
  const entries = await history.list(accountId, {
    ...(projectId !== undefined && { projectId }),
    types: MARKED,
    from,
    to,
    limit: MOST_MARKS,
  })
  return entries.flatMap(({ event, at, projectId: of, stream, seq, unreadable }) =>
    unreadable || stream !== llmStream(of) ? [] : [{ at, projectId: of, revision: seq, text: describeEvent(event) }],
  )
}

const MARKED = ['ProviderSet', 'KeyRotated', 'ModelChanged', 'ProviderRemoved', 'KeyRolledBack']

const totalOf = (buckets: readonly UsageBucket[]): UsageSums =>
  buckets.reduce(
    (sum, one) => ({
      runs: sum.runs + one.runs,
      failed: sum.failed + one.failed,
      tokens: sum.tokens + one.tokens,
      costNanoUsd: sum.costNanoUsd + one.costNanoUsd,
      unpriced: sum.unpriced + one.unpriced,
    }),
    { runs: 0, failed: 0, tokens: 0, costNanoUsd: 0, unpriced: 0 },
  )
