type Headers = { get(name: string): string | null } | undefined

const LONGEST_S = 24 * 60 * 60

/** Seconds until a provider wants to be called again, rounded up: from milliseconds, seconds, or a date. Null when it does not tell, or wants the past. */
export function retryAfterOf(headers: Headers): number | null {
  const ms = headers?.get('retry-after-ms')?.trim()
  const text = headers?.get('retry-after')?.trim()
  const seconds = ms && /^\d+(\.\d+)?$/.test(ms) ? Number(ms) / 1000 : text ? secondsOf(text, headers) : Number.NaN
  return seconds > 0 && seconds <= LONGEST_S ? Math.ceil(seconds) : null
}

function secondsOf(text: string, headers: Headers): number {
  if (/^\d+(\.\d+)?s?$/.test(text)) return Number.parseFloat(text)
  // A date is by the provider's clock, as is the `Date` of its answer; without that our own is as good as any.
  const answered = Date.parse(headers?.get('date') ?? '') || performance.timeOrigin + performance.now()
  return (Date.parse(text) - answered) / 1000
}
