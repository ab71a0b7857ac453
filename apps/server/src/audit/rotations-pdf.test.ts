import type { RotationsRow } from '@stewrd/core/audit/rotations.projection.ts'
import { rotationsReport } from '@stewrd/core/audit/report.ts'
import { inflateSync } from 'node:zlib'
import { expect, test } from 'vitest'
import type { RotationAudit } from './rotations.ts'
import { rotationsPdf } from './rotations-pdf.ts'

const DAY = 86_400_000
const now = Date.parse('2026-11-23T12:00:00Z')
const provider = { provider: 'openai', baseUrl: 'https://api.openai.com/v1' } as const
const unused = { runs: 0, runsAfterReplaced: 0, firstUsedAt: null, lastUsedAt: null, replacedReason: null }
const key = (n: number, from: number, to: number | null) => ({
  fingerprint: `fp_${String(n).padStart(16, '0')}`,
  provider,
  dekId: '01976c5e-7d00-7000-8000-0000000000aa',
  began: 'set' as const,
  overlap: null,
  fallbackRuns: 0,
  retiredAt: null,
  from,
  fromRevision: n,
  to,
  setBy: 'user:1',
  replacedBy: to === null ? null : 'user:1',
  reason: 'quarterly',
  ...unused,
})
const row = (keys: RotationsRow['keys']): RotationsRow => ({ projectId: 'p', policies: [], keys, rejected: [] })
const audit = (rows: readonly RotationsRow[]): RotationAudit => ({
  at: now,
  maxAgeDays: null,
  projects: rotationsReport(rows, now, null).map((r) => ({ ...r, name: 'Ärzte & Пример' })),
  actors: [{ id: 'user:1', label: 'Ada' }],
  events: 12,
  unreadable: 0,
  ms: 3,
  fromView: { equal: true, differs: [] },
})

const pagesOf = (pdf: Buffer) => pdf.toString('latin1').match(/\/Type \/Page\b/g)?.length ?? 0
/** The compressed parts of the file, opened: a document that is cut or malformed does not open. */
function partsOf(pdf: Buffer): Buffer[] {
  const starts = [...pdf.toString('latin1').matchAll(/FlateDecode[^>]*>>\s*stream\r?\n/g)]
  return starts.map(({ index, 0: head }) => {
    const from = index + head.length
    return inflateSync(pdf.subarray(from, pdf.indexOf('endstream', from)))
  })
}

test('the report is a whole PDF with its fonts inside', async () => {
  const pdf = await rotationsPdf(audit([row([key(1, now - 50 * DAY, now - 10 * DAY), key(2, now - 10 * DAY, null)])]))
  expect(pdf.subarray(0, 5).toString()).toBe('%PDF-')
  expect(pdf.subarray(-6).toString()).toContain('%%EOF')
  expect(pdf.toString('latin1')).toMatch(/\/FontFile2/)
  expect(pagesOf(pdf)).toBe(1)
  expect(partsOf(pdf).length).toBeGreaterThan(2)
})

test('a project with hundreds of keys flows over many pages', async () => {
  const keys = Array.from({ length: 300 }, (_, i) =>
    key(i, now - (300 - i) * DAY, i === 299 ? null : now - (299 - i) * DAY),
  )
  expect(pagesOf(await rotationsPdf(audit([row(keys)])))).toBeGreaterThan(10)
})

test('a deployment without any key has a report too', async () =>
  expect(pagesOf(await rotationsPdf(audit([])))).toBe(1))
