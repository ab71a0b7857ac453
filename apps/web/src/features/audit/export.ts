import type { RotationAudit } from './queries.ts'

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
] as const

/** One row a key and period, RFC 4180. Cells that a spreadsheet would run as a formula are defused. */
export function toCsv(audit: RotationAudit): string {
  const iso = (ms: number | null) => (ms === null ? '' : new Date(ms).toISOString())
  const rows = audit.projects.flatMap((p) =>
    p.keys.map((k) => [
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
    ]),
  )
  return [columns, ...rows].map((row) => row.map(cell).join(',')).join('\r\n') + '\r\n'
}

function cell(value: string | number | boolean): string {
  const text = typeof value === 'string' && /^[=+\-@\t\r]/.test(value) ? `'${value}` : String(value)
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

/** Saves a text as a file. */
export function download(name: string, type: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type }))
  const link = Object.assign(document.createElement('a'), { href: url, download: name })
  link.click()
  URL.revokeObjectURL(url)
}
