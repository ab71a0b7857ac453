import type { ViewStatus, Views } from '@stewrd/db/views.ts'
import { expect, test } from 'vitest'
import { createLogger } from '../kernel/log.ts'
import { ViewRates } from './view-rates.ts'

const rates = () => new ViewRates({} as Views, createLogger({ production: true, logLevel: 'silent' }))
const at = (checkpoint: number): ViewStatus[] => [
  { view: 'projects', version: 1, checkpoint, lag: 0, status: 'live', error: null, updatedAt: 0 },
]

test('a rate needs two looks, and is over the last minute', () => {
  const seen = rates()
  expect(seen.of('projects')).toBeNull()
  seen.note(at(0), 0)
  expect(seen.of('projects')).toBeNull()
  seen.note(at(500), 5_000)
  expect(seen.of('projects')).toBe(100)
  for (let s = 10; s <= 120; s += 5) seen.note(at(500), s * 1000)
  expect(seen.of('projects')).toBe(0)
  expect(seen.of('llm')).toBeNull()
})

test('a view that begins anew is not counted backwards', () => {
  const seen = rates()
  seen.note(at(900), 0)
  seen.note(at(100), 5_000)
  expect(seen.of('projects')).toBeNull()
  seen.note(at(600), 10_000)
  expect(seen.of('projects')).toBe(100)
})
