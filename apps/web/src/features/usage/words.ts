import { count, usd } from '../../lib/format.ts'
import type { Measure } from './search.ts'

const compact = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 })
const dollars = new Intl.NumberFormat('en', { notation: 'compact', maximumSignificantDigits: 2 })

/** A figure as people read it; `short` on an axis. */
export function shownValue(value: number, measure: Measure, { short = false }: { short?: boolean } = {}): string {
  if (measure === 'cost') return short ? `$${dollars.format(value / 1e9)}` : usd(value)
  return short ? compact.format(value) : count(value)
}

/** Where a run got its key when it is not a project's own. */
export const keySources: Record<string, string> = { default: 'The server’s own key', demo: 'Demo model' }
