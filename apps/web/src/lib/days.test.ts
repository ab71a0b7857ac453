import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { filterOf } from '../features/history/queries.ts'
import { timesOf } from '../features/usage/search.ts'
import { endOfDay, startOfDay } from './days.ts'

beforeEach(() => {
  vi.stubEnv('TZ', 'America/New_York')
})
afterEach(() => vi.unstubAllEnvs())

const HOUR_MS = 3_600_000

test.each([
  ['2026-11-01', 25, '2026-11-02T05:00:00.000Z'],
  ['2026-03-08', 23, '2026-03-09T04:00:00.000Z'],
  ['2026-07-01', 24, '2026-07-02T04:00:00.000Z'],
  ['2026-12-31', 24, '2027-01-01T05:00:00.000Z'],
])('a filter by the day %s, of %i hours, ends when that day does', (day, hours, end) => {
  expect(endOfDay(day) - startOfDay(day)).toBe(hours * HOUR_MS)
  const { from, to } = filterOf({ from: day, to: day }, undefined)
  expect([from, new Date(to!).toISOString()]).toEqual([startOfDay(day), end])
})

test('days of usage begin at midnight of the reader, also where a clock changed meanwhile', () => {
  const now = Date.parse('2026-11-04T15:00:00-05:00')
  expect(new Date(timesOf('7d', now).from).toISOString()).toBe('2026-10-29T04:00:00.000Z')
  expect(new Date(timesOf('30d', now).from).toISOString()).toBe('2026-10-06T04:00:00.000Z')
})
