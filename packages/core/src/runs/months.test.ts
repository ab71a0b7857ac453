import { expect, test } from 'vitest'
import type { RunEvent } from './events.ts'
import type { MonthRow } from './months.projection.ts'
import { monthKey, monthsView } from './months.projection.ts'

const at = Date.UTC(2026, 10, 30, 23, 59)
const logged = (event: RunEvent) =>
  ({ event, projectId: 'p', at, stream: 'run:r' }) as Parameters<typeof monthsView.evolve>[1]
const answered = (tokens: number, costNanoUsd: number | null): RunEvent => ({
  type: 'ModelAnswered',
  version: 3,
  data: {
    step: 1,
    content: '',
    refusal: null,
    toolCalls: [],
    finishReason: 'stop',
    tokens: { input: tokens, output: 1 },
    tokensEstimated: false,
    costNanoUsd,
    extra: null,
    durationMs: 1,
  },
})

test('a month counts what happened in it, in UTC, and says how much of it has no known price', () => {
  const events = [answered(10, 500), answered(20, null), { type: 'RunCompleted', version: 1, data: {} } as RunEvent]
  const row = events.reduce<MonthRow | undefined>((r, e) => monthsView.evolve(r, logged(e)), undefined)
  expect(row).toEqual({
    projectId: 'p',
    month: '2026-11',
    requests: 0,
    completed: 1,
    failed: 0,
    credits: 0,
    tokens: 32,
    costNanoUsd: 500,
    unpriced: 1,
  })
  expect(monthsView.key(logged(answered(1, 1)))).toBe('p/2026-11')
  expect(monthKey('p', at + 60_000)).toBe('p/2026-12')
})
