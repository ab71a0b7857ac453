import { setTimeout as delay } from 'node:timers/promises'

/** Waits for a condition. Throws after `within` milliseconds, naming what was waited for. Returns how long it took. */
export async function until(what: string, within: number, holds: () => Promise<boolean> | boolean): Promise<number> {
  const began = performance.now()
  while (!(await holds())) {
    if (performance.now() - began > within) throw new Error(`After ${Math.round(within / 1000)} s: ${what}.`)
    await delay(25)
  }
  return performance.now() - began
}

/** A whole number from `least` to `most`. */
export const between = (least: number, most: number) => least + Math.floor(Math.random() * (most - least + 1))
