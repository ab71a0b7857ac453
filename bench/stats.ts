/** The `share` quantile of numbers, 0 to 1. */
export function quantile(numbers: readonly number[], share: number): number {
  const sorted = numbers.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}

export const median = (numbers: readonly number[]) => quantile(numbers, 0.5)

/** Half the distance between the quartiles, as a share of the median: how far rounds lay apart. */
export const spread = (numbers: readonly number[]) =>
  (quantile(numbers, 0.75) - quantile(numbers, 0.25)) / 2 / median(numbers)
