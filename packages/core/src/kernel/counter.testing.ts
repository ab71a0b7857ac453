import { z } from 'zod'
import type { Decider } from './decider.ts'
import { defineEvent } from './event.ts'

const Counted = defineEvent('Counted', 1, z.strictObject({}))
export const AnyCount: z.infer<typeof Counted> = { type: 'Counted', version: 1, data: {} }

/** The smallest decider: adds events and counts them. */
export const counter: Decider<number, { add: number }, typeof AnyCount> = {
  noun: 'projects',
  stateVersion: 1,
  initial: 0,
  event: Counted,
  decide: ({ add }) => Array.from({ length: add }, () => AnyCount),
  evolve: (count) => count + 1,
}
