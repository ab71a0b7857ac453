import type { Outputs } from '../../lib/trpc.ts'
import type { Measure } from './search.ts'

export type Report = Outputs['usage']['report']
export type Sums = Report['totals']
export type Group = Sums & { group: string }
/** `values` by the place of its series; `at` is when it begins. */
export type Column = { at: number; values: number[] }

/** Others are summed up: more colours cannot be told apart. */
const MOST = 6
const OTHERS = 'Others'

export const valueOf = (sums: Sums, measure: Measure): number =>
  measure === 'cost' ? sums.costNanoUsd : measure === 'tokens' ? sums.tokens : sums.runs

/** What each group used, the most first. */
export function groupsOf({ buckets }: Report, measure: Measure): Group[] {
  const groups = new Map<string, Group>()
  for (const { group, runs, failed, tokens, costNanoUsd, unpriced } of buckets) {
    const sum = groups.get(group) ?? { group, runs: 0, failed: 0, tokens: 0, costNanoUsd: 0, unpriced: 0 }
    groups.set(group, {
      group,
      runs: sum.runs + runs,
      failed: sum.failed + failed,
      tokens: sum.tokens + tokens,
      costNanoUsd: sum.costNanoUsd + costNanoUsd,
      unpriced: sum.unpriced + unpriced,
    })
  }
  return [...groups.values()].sort((a, b) => valueOf(b, measure) - valueOf(a, measure) || b.runs - a.runs)
}

/** The names of the series of a chart, and a column for every bucket of the time, also where nothing ran. */
export function columnsOf(report: Report, measure: Measure): { series: string[]; columns: Column[] } {
  const groups = groupsOf(report, measure).map(({ group }) => group)
  const series = groups.length > MOST ? [...groups.slice(0, MOST - 1), OTHERS] : groups
  const place = new Map(groups.map((group, i) => [group, Math.min(i, series.length - 1)]))
  const columns: Column[] = report.starts.map((at) => ({ at, values: series.map(() => 0) }))
  const columnAt = new Map(columns.map((column) => [column.at, column]))
  for (const bucket of report.buckets) {
    const column = columnAt.get(bucket.at)
    if (column) column.values[place.get(bucket.group)!]! += valueOf(bucket, measure)
  }
  return { series, columns }
}

/** As a table for a spreadsheet: one row a bucket and group. Times are UTC. */
export function csvOf({ buckets }: Report, name: (group: string) => string): string {
  const cell = (text: string) => {
    // A spreadsheet takes what begins so for a formula.
    const safe = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text
    return /[",\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe
  }
  const rows = buckets.map(({ at, group, runs, failed, tokens, costNanoUsd, unpriced }) => [
    new Date(at).toISOString(),
    group,
    name(group),
    String(runs),
    String(failed),
    String(tokens),
    (costNanoUsd / 1e9).toFixed(9),
    String(unpriced),
  ])
  const head = ['time', 'id', 'name', 'runs', 'failed', 'tokens', 'cost_usd', 'runs_without_price']
  return [head, ...rows].map((row) => `${row.map(cell).join(',')}\n`).join('')
}
