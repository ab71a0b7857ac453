import { expect, test } from 'vitest'
import { rotationsCsv } from './csv.ts'
import { rotationsReport } from './report.ts'

const period = {
  fingerprint: 'fp_00000000000000aa',
  dekId: '01976c5e-7d00-7000-8000-0000000000aa',
  began: 'set' as const,
  overlap: null,
  fallbackRuns: 0,
  retiredAt: null,
  provider: { provider: 'openai', baseUrl: 'https://api.openai.com/v1' } as const,
  from: 0,
  fromRevision: 1,
  to: null,
  setBy: 'user:1',
  replacedBy: null,
  reason: '=HYPERLINK("https://evil.example")',
  replacedReason: null,
  runs: 3,
  runsAfterReplaced: 0,
  firstUsedAt: null,
  lastUsedAt: null,
}
const [report] = rotationsReport([{ projectId: 'p', policies: [], keys: [period], rejected: [] }], 86_400_000, null)

test('every key is a row, quoted where it must be, and no cell is a formula', () => {
  const [head, row, end] = rotationsCsv([{ ...report!, name: 'One, two' }]).split('\r\n')
  expect(head!.split(',')).toHaveLength(22)
  expect(row).toBe(
    `p,"One, two",fp_00000000000000aa,openai,https://api.openai.com/v1,1970-01-01T00:00:00.000Z,,user:1,,"'=HYPERLINK(""https://evil.example"")",3,0,1.00,false,,false,,90,0.00,,0,`,
  )
  expect(end).toBe('')
})
