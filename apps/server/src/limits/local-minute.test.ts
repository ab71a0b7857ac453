import { expect, test } from 'vitest'
import { LocalMinute } from './local-minute.ts'

const bed = () => {
  let now = 0
  return { minute: new LocalMinute(() => now), pass: (ms: number) => (now += ms) }
}
const limited = (retryAfter: number) =>
  expect.objectContaining({ code: 'RATE_LIMITED', details: { perMinute: 2, retryAfter } }) as unknown

test('while nobody answers, no more than the limit are let through in any minute', () => {
  const { minute, pass } = bed()
  minute.take('p', 2)
  pass(20_000)
  minute.take('p', 2)
  expect(() => minute.take('p', 2)).toThrow(limited(40))
  minute.take('another', 2)
  pass(39_999)
  expect(() => minute.take('p', 2)).toThrow(limited(1))
  pass(1)
  minute.take('p', 2)
  expect(() => minute.take('p', 2)).toThrow(limited(20))
})

test('a start that did not begin gives its place back', () => {
  const { minute } = bed()
  minute.take('p', 2).giveBack()
  minute.take('p', 2)
  minute.take('p', 2)
  expect(() => minute.take('p', 2)).toThrow(limited(60))
})

test('a refusal of the database is repeated for a second, unless the limit is another', () => {
  const { minute, pass } = bed()
  minute.take('p', 2).refused(30)
  pass(500)
  expect(() => minute.take('p', 2)).toThrow(limited(30))
  minute.take('p', 3).giveBack()
  pass(500)
  minute.take('p', 2)
})
