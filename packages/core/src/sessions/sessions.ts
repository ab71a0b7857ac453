import type { Decider } from '../kernel/decider.ts'
import { Refusal } from '../kernel/errors.ts'
import type { RunFile } from '../kernel/run-file.ts'
import { SessionEvent } from './events.ts'

export type OpenSession = { type: 'OpenSession'; at: number }
export type StartMessage = { type: 'StartMessage'; runId: string; at: number }
export type EndMessage = {
  type: 'EndMessage'
  runId: string
  message: string
  answer: string | null
  files: RunFile[]
  at: number
}
export type DeleteSession = { type: 'DeleteSession' }
export type SessionCommand = OpenSession | StartMessage | EndMessage | DeleteSession

/** `busy`: the run that answers a message just now. `messages` counts those that were answered. What was said stays in the events. */
export type Session =
  | { status: 'none' }
  | { status: 'active' | 'deleted'; busy: { runId: string; since: number } | null; messages: number; activeAt: number }

/** A session without activity for so long has expired. */
export const SESSION_MS = 30 * 60_000

export const sessionStream = (sessionId: string) => `session:${sessionId}`
export const sessionIdOf = (stream: string) => stream.slice('session:'.length)

export const sessions: Decider<Session, SessionCommand, SessionEvent> = {
  noun: 'sessions',
  stateVersion: 1,
  initial: { status: 'none' },
  event: SessionEvent,
  decide(command, state) {
    if (command.type === 'OpenSession') {
      if (state.status !== 'none') return []
      return [{ type: 'SessionOpened', version: 1, data: { at: command.at } }]
    }
    if (state.status === 'none') throw new Refusal('NOT_FOUND', { what: 'session' })
    switch (command.type) {
      case 'StartMessage': {
        const { runId, at } = command
        if (state.status === 'deleted') throw new Refusal('NOT_FOUND', { what: 'session' })
        if (state.busy) throw new Refusal('SESSION_BUSY', { runId: state.busy.runId })
        if (hasExpired(state, at)) throw new Refusal('SESSION_EXPIRED', {})
        return [{ type: 'SessionMessageStarted', version: 1, data: { runId, at } }]
      }
      case 'EndMessage': {
        const { type: _, ...data } = command
        return state.busy?.runId === data.runId ? [{ type: 'SessionMessageEnded', version: 2, data }] : []
      }
      case 'DeleteSession':
        return state.status === 'deleted' ? [] : [{ type: 'SessionDeleted', version: 1, data: {} }]
      default:
        return command satisfies never
    }
  },
  evolve(state, event) {
    if (event.type === 'SessionOpened') return { status: 'active', busy: null, messages: 0, activeAt: event.data.at }
    if (state.status === 'none') return state
    switch (event.type) {
      case 'SessionMessageStarted': {
        const { runId, at } = event.data
        return { ...state, busy: { runId, since: at }, activeAt: at }
      }
      case 'SessionMessageEnded': {
        const { answer, at } = event.data
        return { ...state, busy: null, messages: state.messages + (answer === null ? 0 : 1), activeAt: at }
      }
      case 'SessionDeleted':
        return { ...state, status: 'deleted' }
      default:
        return event satisfies never
    }
  },
}

/** While a message is being answered a session does not expire. */
export const hasExpired = ({ busy, activeAt }: { busy: unknown; activeAt: number }, at: number) =>
  !busy && at - activeAt > SESSION_MS
