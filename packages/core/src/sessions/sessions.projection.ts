import type { Projection } from '../kernel/projection.ts'
import type { SessionEvent } from './events.ts'
import { sessionIdOf } from './sessions.ts'

export type SessionRow = {
  sessionId: string
  projectId: string
  actor: string
  openedAt: number
  /** Unix milliseconds; expires 30 minutes later unless a run is under way. */
  activeAt: number
  messages: number
  /** Runs of it, also such as failed. */
  runs: number
  /** The run that is under way. */
  busy: string | null
  deleted: boolean
}

/** One row a session, without what was said in it. */
export const sessionsView: Projection<SessionEvent, SessionRow> = {
  name: 'sessions',
  version: 2,
  key: ({ stream }) => sessionIdOf(stream),
  evolve(row, { event, projectId, stream, actor }) {
    if (event.type === 'SessionOpened') {
      const { at } = event.data
      const opened = { sessionId: sessionIdOf(stream), projectId, actor, openedAt: at, activeAt: at }
      return { ...opened, messages: 0, runs: 0, busy: null, deleted: false }
    }
    if (!row) return row
    switch (event.type) {
      case 'SessionMessageStarted':
        return { ...row, busy: event.data.runId, runs: row.runs + 1, activeAt: event.data.at }
      case 'SessionMessageEnded': {
        const { answer, at } = event.data
        return { ...row, busy: null, messages: row.messages + (answer === null ? 0 : 1), activeAt: at }
      }
      case 'SessionDeleted':
        return { ...row, deleted: true }
      default:
        return event satisfies never
    }
  },
}
