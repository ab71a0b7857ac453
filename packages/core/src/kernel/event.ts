import { z } from 'zod'

/** The nouns whose events are stored; each is the folder name in every layer. */
export const nouns = [
  'projects',
  'llm',
  'key-health',
  'api-keys',
  'runs',
  'sessions',
  'files',
  'keyring',
  'key-custody',
  'webhooks',
  'credits',
  'prices',
] as const
export type Noun = (typeof nouns)[number]

/** Declares version `version` of an event. A published shape is never edited: add a version and an upcaster, keep a fixture. */
export function defineEvent<const T extends string, const V extends number, D extends z.ZodType>(
  type: T,
  version: V,
  data: D,
) {
  return z.strictObject({ type: z.literal(type), version: z.literal(version), data })
}

export type EventShape = { type: string; version: number; data: unknown }

/** An event with what the store knows of it. `at` is unix milliseconds; `seq` counts from 1 within the stream. */
export type Recorded<E extends EventShape = EventShape> = {
  event: E
  accountId: string
  projectId: string
  stream: string
  seq: number
  eventId: string
  at: number
  actor: string
}

/** A recorded event at its dense place in the global log, counted from 0. */
export type Logged<E extends EventShape = EventShape> = Recorded<E> & { index: number }
