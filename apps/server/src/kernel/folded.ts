import type { Decider } from '@stewrd/core/kernel/decider.ts'
import type { EventShape } from '@stewrd/core/kernel/event.ts'

/** The state that events of one stream lead to. */
export const folded = <State, Command, Event extends EventShape>(
  decider: Decider<State, Command, Event>,
  events: readonly Event[],
): State => events.reduce((state, event) => decider.evolve(state, event), decider.initial)
