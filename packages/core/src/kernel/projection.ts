import type { EventShape, Logged } from './event.ts'

/**
 * A pure fold of the log to rows. `key` names the row an event belongs to (unique within the account), or undefined when the event
 * does not matter here. `undefined` from `evolve` means no row. A changed meaning is a new `version` and a rebuild.
 */
export type Projection<Event extends EventShape = EventShape, Row extends object = object> = {
  name: string
  version: number
  key(logged: Logged<Event>): string | undefined
  evolve(row: Row | undefined, logged: Logged<Event>): Row | undefined
}
