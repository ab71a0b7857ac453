import { z } from 'zod'
import { defineEvent } from '../kernel/event.ts'
import { RunFile } from '../kernel/run-file.ts'

const at = z.int().min(0)

/** Times are unix milliseconds, as a session expires by them. */
export const SessionOpened = defineEvent('SessionOpened', 1, z.strictObject({ at }))

/** The run `runId` answers a message; until it has ended no other one of this session begins. */
export const SessionMessageStarted = defineEvent('SessionMessageStarted', 1, z.strictObject({ runId: z.string(), at }))

/** `answer` is null when the run failed or was stopped: then later messages do not see this one. `files`: sent with it, or made for it. */
export const SessionMessageEnded = defineEvent(
  'SessionMessageEnded',
  2,
  z.strictObject({
    runId: z.string(),
    message: z.string(),
    answer: z.string().nullable(),
    files: z.array(RunFile),
    at,
  }),
)

export const SessionDeleted = defineEvent('SessionDeleted', 1, z.strictObject({}))

export const SessionEvent = z.discriminatedUnion('type', [
  SessionOpened,
  SessionMessageStarted,
  SessionMessageEnded,
  SessionDeleted,
])
export type SessionEvent = z.infer<typeof SessionEvent>
