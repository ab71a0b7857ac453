import { expect, test } from 'vitest'
import { rotationDue } from './due.ts'

const DAY = 86_400_000
const statusAt = (days: number, ruled: number | null) => rotationDue(0, ruled, days * DAY).status

test('a project without a rule rotates by that of the deployment', () =>
  expect(rotationDue(5, null, 5)).toEqual({ status: 'fine', maxAgeDays: 90, own: false, dueAt: 90 * DAY + 5 }))

test('the reminder comes 14 days before, and a key is overdue only after its last day', () => {
  expect([75, 76, 90, 90.001].map((days) => statusAt(days, null))).toEqual(['fine', 'soon', 'soon', 'overdue'])
  expect([15, 16].map((days) => statusAt(days, 30))).toEqual(['fine', 'soon'])
})

test('a short rule reminds at half time, so that a new key is never a reminder', () =>
  expect([0, 3, 3.5, 7, 8].map((days) => statusAt(days, 7))).toEqual(['fine', 'fine', 'soon', 'soon', 'overdue']))
