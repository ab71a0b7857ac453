/** When the day `2026-11-01` begins where the page is read, and when the next one does: days have 23 to 25 hours. Unix milliseconds. */
export const startOfDay = (day: string): number => dayAfter(day, 0)
export const endOfDay = (day: string): number => dayAfter(day, 1)

/** When the day that is `days` before that of `now` begins. */
export function startOfDayBefore(now: number, days: number): number {
  const today = new Date(now)
  return new Date(today.getFullYear(), today.getMonth(), today.getDate() - days).getTime()
}

function dayAfter(day: string, days: number): number {
  const [year = 0, month = 1, date = 1] = day.split('-').map(Number)
  return new Date(year, month - 1, date + days).getTime()
}
