import { z } from 'zod'
import { optional } from '../kernel/optional.ts'

/** What a node takes on. `atOnce`: runs under way, with those that wait for their start; `waiting`: the latter alone. */
export type RunCapacity = { atOnce: number; waiting: number }

/** What a node carries now, and how many starts it has refused for want of room since it began. */
export class RunLoad {
  readonly capacity: RunCapacity
  running = 0
  starting = 0
  refused = 0

  constructor(capacity: RunCapacity) {
    this.capacity = capacity
  }

  get full(): boolean {
    const { atOnce, waiting } = this.capacity
    return this.running + this.starting >= atOnce || this.starting >= waiting
  }
}

const count = z.coerce
  .number('must be a number')
  .int('must be a whole number')
  .min(1, 'must be at least 1')
  .max(100_000)
export const capacityVariables = {
  STEWRD_RUNS_AT_ONCE: optional(count),
  STEWRD_RUNS_WAITING: optional(count),
}

type Values = { [Name in keyof typeof capacityVariables]?: number | undefined }

export const runCapacityOf = ({ STEWRD_RUNS_AT_ONCE: atOnce, STEWRD_RUNS_WAITING: waiting }: Values): RunCapacity => ({
  atOnce: atOnce ?? 1_000,
  waiting: waiting ?? 500,
})
