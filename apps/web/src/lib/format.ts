import { format, formatDistanceToNowStrict } from 'date-fns'

/** "3 minutes ago". A clock that differs a little never shows the future. */
export const ago = (ms: number) => (Date.now() - ms < 5000 ? 'just now' : `${formatDistanceToNowStrict(ms)} ago`)
/** "23 Nov 2026, 14:30:05". */
export const dateTime = (ms: number) => format(ms, 'd MMM yyyy, HH:mm:ss')

/** A value of an event as people read it: `2026-11-23T14:30:05.000Z` as their own time, anything else as it is. */
export const readable = (value: string) => (isoTime.test(value) ? dateTime(Date.parse(value)) : value)
const isoTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/

/** "3 d", "5 h", "12 min": how old something is, in one unit. */
export function age(ms: number): string {
  const minutes = Math.max(0, ms) / 60_000
  if (minutes < 1) return 'under a minute'
  if (minutes < 60) return `${Math.floor(minutes)} min`
  if (minutes < 48 * 60) return `${Math.floor(minutes / 60)} h`
  return `${Math.floor(minutes / 1440)} days`
}

const DAY = 24 * 60 * 60_000

/** How far away a moment is, before or behind: days are those that are nearest. */
export function distance(at: number): string {
  const ms = Math.abs(at - Date.now())
  return age(ms < 2 * DAY ? ms : Math.round(ms / DAY) * DAY)
}

/** "240 ms", "1.2 s". */
export const duration = (ms: number) => (ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`)
/** "812 B", "1.4 MB". */
export function bytes(n: number): string {
  if (n < 1024) return `${n} B`
  if (n < 1024 ** 2) return `${(n / 1024).toFixed(1)} KB`
  return `${(n / 1024 ** 2).toFixed(1)} MB`
}
export const count = (n: number) => n.toLocaleString('en')
/** Of billionths of a dollar: "$0.0042". */
export const usd = (nano: number) =>
  `$${(nano / 1e9).toLocaleString('en', { maximumFractionDigits: nano < 1e7 ? 6 : 4 })}`
