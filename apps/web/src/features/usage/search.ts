import { z } from 'zod'
import { startOfDayBefore } from '../../lib/days.ts'

export const ranges = { '24h': '24 hours', '7d': '7 days', '30d': '30 days', '90d': '90 days' } as const
export const groupings = { model: 'Model', key: 'Key', project: 'Project' } as const
export const measures = { cost: 'Cost', tokens: 'Tokens', runs: 'Runs' } as const

export type Range = keyof typeof ranges
export type Grouping = keyof typeof groupings
export type Measure = keyof typeof measures

/** What the address of a usage page says. What is wrong in it is as if it were absent. */
export const UsageSearch = z.object({
  range: z.enum(['24h', '7d', '30d', '90d']).optional().catch(undefined),
  by: z.enum(['model', 'key', 'project']).optional().catch(undefined),
  show: z.enum(['cost', 'tokens', 'runs']).optional().catch(undefined),
})
export type UsageSearch = z.infer<typeof UsageSearch>

const HOUR_MS = 3_600_000
const days: Record<Range, number> = { '24h': 1, '7d': 7, '30d': 30, '90d': 90 }

/** From the beginning of an hour, or of a day where the page is read, to the next five minutes, so that the same question is asked for a while. */
export function timesOf(range: Range, now: number): { from: number; to: number } {
  const to = Math.ceil(now / 300_000) * 300_000
  if (range === '24h') return { from: Math.floor(now / HOUR_MS) * HOUR_MS - 23 * HOUR_MS, to }
  return { from: startOfDayBefore(now, days[range] - 1), to }
}
