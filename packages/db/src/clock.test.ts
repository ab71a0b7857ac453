// Arithmetic with clocks that are given: it needs no database, and shares nothing with files that have one.
import { expect, test } from 'vitest'
import { DatabaseClock } from './clock.ts'

/** A machine with a monotonic clock at `at`, and a wall clock that is `aheadMs` before the database's, which starts at a million. */
function machine({ aheadMs = 0, toleranceMs = 30_000 } = {}) {
  let at = 0
  let jumped = 0
  const database = () => 1_000_000 + at + jumped
  const clock = new DatabaseClock({ toleranceMs, monotonic: () => at, machine: () => 1_000_000 + at + aheadMs })
  return {
    clock,
    database,
    pass: (ms: number) => (at += ms),
    jump: (ms: number) => (jumped += ms),
    /** A round trip; the database reads its clock after `there` milliseconds. */
    ask: (there = 0, back = there) =>
      clock.time(async () => {
        at += there
        const read = database()
        at += back
        return read
      }),
  }
}

test('time is the database’s, whatever the machine’s own clock says', async () => {
  for (const aheadMs of [0, 300_000, -8 * 86_400_000]) {
    const { clock, database, ask, pass } = machine({ aheadMs })
    await ask(5)
    pass(1234)
    expect(clock.now()).toBe(database())
    expect(clock.standing().aheadMs).toBe(aheadMs)
    const moment = new Date(database())
    expect(clock.toMachine(moment).getTime()).toBe(moment.getTime() + aheadMs)
    expect(clock.fromMachine(clock.toMachine(moment))).toEqual(moment)
  }
})

test('a slow and lopsided answer does not move the time that a quick one has measured', async () => {
  const { clock, database, ask } = machine()
  await ask(1)
  await ask(0, 900)
  expect(Math.abs(clock.now() - database())).toBeLessThanOrEqual(1)
})

test('a slow answer alone is no reason to call a clock off', async () => {
  const { clock, ask } = machine()
  await ask(0, 8000)
  expect(clock.standing()).toMatchObject({ off: false, trusted: true })
})

test('when the database’s clock jumps, the next answer is believed at once', async () => {
  const { clock, database, ask, jump } = machine()
  for (let i = 0; i < 8; i++) await ask(1)
  for (const ms of [3_600_000, -7_200_000]) {
    jump(ms)
    await ask(20)
    expect(Math.abs(clock.now() - database())).toBeLessThanOrEqual(20)
  }
  expect(clock.standing()).toMatchObject({ off: true, trusted: false })
})

test.each([
  [1_500, false, true],
  [-2_500, true, true],
  [29_000, true, true],
  [-31_000, true, false],
])('a clock that is %i ms ahead: off %s, trusted %s', async (aheadMs, off, trusted) => {
  const { clock, ask } = machine({ aheadMs })
  await ask(1)
  expect(clock.standing()).toMatchObject({ aheadMs, off, trusted })
})

test('a clock that was never measured tells no time', () => {
  expect(() => machine().clock.now()).toThrow('before it was measured')
})
