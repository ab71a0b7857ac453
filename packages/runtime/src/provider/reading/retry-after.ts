type Headers = { get(name: string): string | null } | undefined

const LONGEST_S = 24 * 60 * 60

/** Seconds until a provider wants to be called again, rounded up: from milliseconds, seconds, or a date. Null when it does not tell, or wants the past. */
export function retryAfterOf(headers: Headers): number | null {
  const ms = headers?.get('retry-after-ms')?.trim()
  const text = headers?.get('retry-after')?.trim()
  const seconds = ms && /^\d+(\.\d+)?$/.test(ms) ? Number(ms) / 1000 : text ? secondsOf(text, headers) : Number.NaN
  return seconds > 0 && seconds <= LONGEST_S ? Math.ceil(seconds) : null
}

/** A date is by the provider's clock, as is the `Date` of its answer. */
const secondsOf = (text: string, headers: Headers) =>
  /^\d+(\.\d+)?s?$/.test(text)
    ? Number.parseFloat(text)
    : (Date.parse(text) - Date.parse(headers?.get('date') ?? '')) / 1000
