import type { ClockStanding } from '@stewrd/db/clock.ts'

/** For logs, pages and commands: how the clock stands, what follows, what to do. */
export function clockMessage({ aheadMs, toleranceMs, off, trusted }: ClockStanding): string {
  if (!off) return "This machine's clock agrees with the database's."
  const stands = `This machine's clock is ${offBy(aheadMs)} the database's.`
  if (trusted) return `${stands} Synchronise both (NTP).`
  return `${stands} Until it is within ${toleranceMs / 1000} s, this server is not ready and destroys nothing that is due: synchronise both (NTP).`
}

/** "8.0 days ahead of", "3.2 s behind". */
export const offBy = (aheadMs: number): string =>
  `${lengthOf(Math.abs(aheadMs))} ${aheadMs > 0 ? 'ahead of' : 'behind'}`

const units = [
  ['days', 86_400_000],
  ['hours', 3_600_000],
  ['minutes', 60_000],
] as const

function lengthOf(ms: number): string {
  const [name, unit] = units.find(([, unit]) => ms >= 2 * unit) ?? (['s', 1000] as const)
  return `${(ms / unit).toFixed(1)} ${name}`
}
