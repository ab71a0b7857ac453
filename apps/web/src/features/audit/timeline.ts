export type Bar = { left: number; width: number }

/** Places a period on a timeline from `start` to `end` (unix ms), as shares of its width. Never thinner than can be seen. */
export function place(from: number, to: number | null, { start, end }: { start: number; end: number }): Bar {
  const span = Math.max(1, end - start)
  const left = clamp((from - start) / span)
  const right = clamp(((to ?? end) - start) / span)
  const width = Math.max(right - left, 0.004)
  return { left: Math.min(left, 1 - width), width }
}

/** About `count` round times between two moments, for a scale. */
export function ticks({ start, end }: { start: number; end: number }, count = 5): number[] {
  return Array.from({ length: count }, (_, i) => start + ((end - start) * i) / (count - 1))
}

const clamp = (share: number) => Math.min(1, Math.max(0, share))
