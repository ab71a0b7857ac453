import type { Describe } from '../kernel/sentence.ts'
import { sentence } from '../kernel/sentence.ts'
import type { SessionEvent } from './events.ts'

export const describeSessions = {
  SessionOpened: () => sentence`opened a session`,
  SessionMessageStarted: ({ runId }) => sentence`sent a message to the session, which run ${runId} answers`,
  SessionMessageEnded: ({ runId, answer }) =>
    answer === null
      ? sentence`saw run ${runId} end without an answer for the session`
      : sentence`answered the message in run ${runId}`,
  SessionDeleted: () => sentence`deleted the session`,
} satisfies Describe<SessionEvent>
