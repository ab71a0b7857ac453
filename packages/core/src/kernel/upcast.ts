import type { EventShape } from './event.ts'

/** Makes the data of the next version of an event of stored data. Pure: what is read stays the same at every replay. */
export type Upcaster = (data: unknown) => unknown
/** By event type: the upcasters of its earlier versions, from version 1 on, so one less than it has versions. */
export type Upcasters = Readonly<Record<string, readonly Upcaster[]>>

/** A stored event as the newest version that this program knows. Undefined for a type or a version that it does not know. */
export function upcast(
  newest: ReadonlyMap<string, number>,
  upcasters: Upcasters,
  stored: EventShape,
): EventShape | undefined {
  const version = newest.get(stored.type)
  if (version === undefined || stored.version < 1 || stored.version > version) return undefined
  if (stored.version === version) return stored
  const steps = (upcasters[stored.type] ?? []).slice(stored.version - 1)
  return { type: stored.type, version, data: steps.reduce((data, step) => step(data), stored.data) }
}
