import { expect } from 'vitest'
import { judge } from './decider.ts'
import type { Decider } from './decider.ts'
import { Refusal } from './errors.ts'
import type { Refusals } from './errors.ts'
import type { EventShape } from './event.ts'

/** Tests of a decider as given events, when a command, then events or a refusal. */
export function spec<State, Command, Event extends EventShape>(decider: Decider<State, Command, Event>) {
  return (...given: readonly Event[]) => {
    // What is stored must parse: a fixture that the schema refuses would test nothing.
    const state = given.map((e) => decider.event.parse(e)).reduce(decider.evolve, decider.initial)
    const run = (command: Command) => judge(decider, 'spec', { revision: given.length, state }, command)
    return {
      state,
      when: (command: Command) => ({
        then(...events: readonly Event[]) {
          const decided = run(command).events
          expect(decided).toEqual(events)
          for (const event of decided) decider.event.parse(event)
        },
        thenState(expected: State) {
          expect(run(command).head.state).toEqual(expected)
        },
        thenRefused<C extends keyof Refusals>(code: C, details?: Refusals[C]) {
          const refusal = refusalOf(() => run(command))
          expect(refusal.code).toBe(code)
          if (details) expect(refusal.details).toEqual(details)
        },
      }),
    }
  }
}

function refusalOf(act: () => unknown): Refusal {
  try {
    act()
  } catch (error) {
    if (error instanceof Refusal) return error
    throw error
  }
  throw new Error('expected a refusal, and the command was accepted')
}
