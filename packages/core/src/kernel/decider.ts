import type { z } from 'zod'
import { Refusal } from './errors.ts'
import type { EventShape, Noun } from './event.ts'
import { storableData } from './text.ts'

/**
 * The rules of one noun. `decide` refuses first and decides after; `evolve` never throws: what happened, happened.
 * A changed `State` is a new `stateVersion`: stored snapshots of another version are refolded from the events.
 */
export type Decider<State, Command, Event extends EventShape> = {
  noun: Noun
  stateVersion: number
  initial: State
  event: z.ZodType<Event>
  decide(command: Command, state: State): readonly Event[]
  evolve(state: State, event: Event): State
  /** What makes two commands the same. Sealing draws a new nonce, so sealed bytes must not count. Default: all of it. */
  identity?(command: Command): unknown
  /**
   * Whether the event changed what the command replaces: its author, who had not seen it, would undo it unawares. A stream that moved on by
   * other events is no conflict. Default: every event is one.
   */
  conflictsWith?(command: Command, event: Event): boolean
}

/** State of a stream after `revision` events. */
export type Head<State> = { revision: number; state: State }

/** Judges one command by its own expected revision. Returns the new events and the head after them; refuses without a trace. */
export function judge<State, Command, Event extends EventShape>(
  decider: Decider<State, Command, Event>,
  stream: string,
  head: Head<State>,
  command: Command,
  expectedRevision?: number,
): { events: readonly Event[]; head: Head<State> } {
  if (expectedRevision !== undefined && expectedRevision !== head.revision)
    throw new Refusal('REVISION_MOVED', { stream, expected: expectedRevision, actual: head.revision })
  // Edges refuse text that cannot be stored. What a provider or a tool said gets here unparsed, and no event may hold such text.
  const events = decider.decide(command, head.state).map(storableData)
  return { events, head: { revision: head.revision + events.length, state: events.reduce(decider.evolve, head.state) } }
}
