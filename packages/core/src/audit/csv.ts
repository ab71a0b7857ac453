import type { RotationsReport } from './report.ts'

const columns = [
  'project_id',
  'project',
  'fingerprint',
  'provider',
  'base_url',
  'from',
  'to',
  'set_by',
  'replaced_by',
  'reason',
  'runs',
  'runs_after_replaced',
  'age_days',
  'overdue',
  'also_in',
  'came_back',
  'replaced_reason',
  'max_age_days',
  'days_beyond_policy',
  'fallback_until',
  'fallback_runs',
  'destroyed_at',
] as const

/** One row a key and period, RFC 4180. Cells that a spreadsheet would run as a formula are defused. New columns come last. */
export function rotationsCsv(projects: readonly (RotationsReport & { name: string })[]): string {
  const rows = projects.flatMap((p) => p.keys.map((key) => rowOf(p, key)))
  return [columns, ...rows].map((row) => row.map(cell).join(',')).join('\r\n') + '\r\n'
}

const iso = (ms: number | null) => (ms === null ? '' : new Date(ms).toISOString())

const rowOf = (p: RotationsReport & { name: string }, k: RotationsReport['keys'][number]) => [
  p.projectId,
  p.name,
  k.fingerprint,
  k.provider.provider,
  k.provider.baseUrl,
  iso(k.from),
  iso(k.to),
  k.setBy,
  k.replacedBy ?? '',
  k.reason ?? '',
  k.runs,
  k.runsAfterReplaced,
  k.ageDays.toFixed(2),
  k.overdue,
  k.alsoIn.join(' '),
  k.cameBack,
  k.replacedReason ?? '',
  p.policy.maxAgeDays,
  k.daysBeyond.toFixed(2),
  iso(k.overlap?.until ?? null),
  k.fallbackRuns,
  iso(k.retiredAt),
]

function cell(value: string | number | boolean): string {
  const text = typeof value === 'string' && /^[=+\-@\t\r]/.test(value) ? `'${value}` : String(value)
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
