/** What a `Prefer` header (RFC 7240) asks for: `respond-async`, perhaps after `wait` seconds. Undefined without it. */
export function asyncAfter(header: string | string[] | undefined, longestMs: number): number | undefined {
  const preferences = (Array.isArray(header) ? header.join(',') : (header ?? '')).toLowerCase().split(/[,;]/)
  const named = preferences.map((p) => p.trim())
  if (!named.includes('respond-async')) return undefined
  const seconds = named.map((p) => /^wait=(\d{1,6})$/.exec(p)?.[1]).find((s) => s !== undefined)
  return seconds === undefined ? longestMs : Math.min(longestMs, Number(seconds) * 1000)
}
