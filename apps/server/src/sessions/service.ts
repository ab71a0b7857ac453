import { randomUUID } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import { Refusal } from '@stewrd/core/kernel/errors.ts'
import type { Recorded } from '@stewrd/core/kernel/event.ts'
import type { RunFile } from '@stewrd/core/kernel/run-file.ts'
import type { RunEvent } from '@stewrd/core/runs/events.ts'
import { runs, runStream } from '@stewrd/core/runs/runs.ts'
import type { SessionEvent } from '@stewrd/core/sessions/events.ts'
import type { EndMessage, Session } from '@stewrd/core/sessions/sessions.ts'
import { hasExpired, SESSION_MS, sessions, sessionStream } from '@stewrd/core/sessions/sessions.ts'
import type { Turn } from '@stewrd/runtime/loop/messages.ts'
import { newId } from '@stewrd/db/new-id.ts'
import type { Platform } from '../platform.ts'
import { appendByApiKey } from '../runs/by-api-key.ts'
import { ContractError } from '../runs/contract-error.ts'
import type { Credentials } from '../runs/credentials.ts'
import type { RunsDeps } from '../runs/deps.ts'

/** So often a message looks whether the one before it has been answered. */
const LOOK_MS = 200
/** A message whose run never began: its node died between the two. */
const LOST_MS = 15_000

type OpenedSession = Exclude<Session, { status: 'none' }>
type Id = { sessionId: string; projectId: string }
/** Whose API key a change is made with. */
type Caller = { credentials: Credentials; authorization: string | undefined }

/** A message with its answer, or with null while there is none. */
export type SessionMessage = { runId: string; message: string; answer: string; files: readonly RunFile[]; at: number }

/** Sessions of projects: conversations whose messages are answered one after another, by any node. */
export class SessionService {
  readonly #deps: RunsDeps
  readonly #limit: number
  readonly #lines = new Map<string, Promise<void>>()
  /** Opened here, and perhaps not in the view yet. */
  readonly #recent = new Map<string, { projectId: string; at: number }>()

  constructor(deps: RunsDeps, limit: number) {
    this.#deps = deps
    this.#limit = limit
  }

  async open(credentials: Credentials, authorization: string | undefined): Promise<Id & { at: number }> {
    const { accountId, store, now } = this.#deps
    const sessionId = newId(now())
    return appendByApiKey(credentials, authorization, async (author, credential) => {
      const { projectId } = credential
      const at = now()
      // Before anything is waited for: of those that come at once, each counts the ones before it.
      this.#recent.delete(sessionId)
      this.#recent.set(sessionId, { projectId, at })
      try {
        const active = await this.#active(projectId, at)
        const most = (known: typeof credential) => known.limits?.openSessions ?? this.#limit
        // What is remembered may be from before the limit was raised.
        if (active > most(credential)) refuseBeyond(most(await credentials.of(authorization, { reload: true })), active)
        const stream = { accountId, projectId, stream: sessionStream(sessionId) }
        const meta = { commandId: `open:${sessionId}`, ...author }
        await store.execute(sessions, stream, { type: 'OpenSession', at }, meta)
        return { sessionId, projectId, at }
      } catch (error) {
        this.#recent.delete(sessionId)
        throw error
      }
    })
  }

  /**
   * Counts the sessions that the view has, and those that were opened here and are not in it yet, with the one that asks. On one server no more
   * are ever open than may be; of others it counts those of more than about a second ago.
   */
  async #active(projectId: string, now: number): Promise<number> {
    const since = now - SESSION_MS
    for (const [id, { at }] of this.#recent) if (at < now - LOST_MS) this.#recent.delete(id)
    const here = [...this.#recent].filter(([, s]) => s.projectId === projectId).map(([id]) => id)
    return this.#deps.activeSessions(projectId, since, here)
  }

  /** 404 for a session that is unknown, deleted or another project's; 410 when it has expired. */
  async find({ sessionId, projectId }: Id): Promise<OpenedSession> {
    const { state } = await this.#deps.store.head(sessions, this.#stream({ sessionId, projectId }))
    if (state.status !== 'active') throw notThere()
    return state.busy ? await this.#settled({ sessionId, projectId }, state) : state
  }

  async #settled(id: Id, state: OpenedSession): Promise<OpenedSession> {
    if (!state.busy || !(await this.settle(id, state.busy.runId, state.busy.since))) return state
    return (await this.#deps.store.head(sessions, this.#stream(id))).state as OpenedSession
  }

  /** A place in the line of this node's messages of one session, taken at once. `leave` must be called. */
  enter(sessionId: string): { turn: Promise<void>; leave: () => void } {
    const turn = this.#lines.get(sessionId) ?? Promise.resolve()
    const left = Promise.withResolvers<void>()
    const next = turn.then(() => left.promise)
    this.#lines.set(sessionId, next)
    const leave = () => {
      left.resolve()
      if (this.#lines.get(sessionId) === next) this.#lines.delete(sessionId)
    }
    return { turn, leave }
  }

  /** Waits until the message before it has been answered, by whichever node, then takes the session for `runId`. `mayWait` throws when it may not. */
  async take(id: Id, runId: string, { credentials, authorization }: Caller, mayWait = () => {}): Promise<void> {
    const { store, now, limits } = this.#deps
    const until = performance.now() + limits.sync
    for (;;) {
      const state = await this.find(id)
      if (hasExpired(state, now())) throw expired()
      try {
        const command = { type: 'StartMessage', runId, at: now() } as const
        await appendByApiKey(credentials, authorization, (author) =>
          store.execute(sessions, this.#stream(id), command, { commandId: randomUUID(), ...author }),
        )
        return
      } catch (error) {
        if (!(error instanceof Refusal)) throw error
        if (error.code === 'SESSION_EXPIRED') throw expired()
        if (error.code === 'NOT_FOUND') throw notThere()
        if (error.code !== 'SESSION_BUSY') throw error
      }
      if (performance.now() > until)
        throw new ContractError(
          'compute_unavailable',
          'The message before this one is still being answered. Try again.',
        )
      mayWait()
      await wait(LOOK_MS)
    }
  }

  /** Records how a message ended, once its run has; any node may do that. False while it is under way. */
  async settle(id: Id, runId: string, since = Number.POSITIVE_INFINITY): Promise<boolean> {
    const { accountId, store, now } = this.#deps
    const stream = { accountId, projectId: id.projectId, stream: runStream(runId) }
    const { state } = await store.head(runs, stream)
    if (state.status === 'running' || state.status === 'waiting') return false
    if (state.status === 'none' && now() - since < LOST_MS) return false
    const message = state.status === 'none' ? '' : state.started.message
    const answer = state.status === 'completed' ? state.message : null
    const files = answer === null ? [] : filesIn((await store.read(stream)) as Recorded<RunEvent>[])
    await this.end(id, { runId, message, answer, files })
    return true
  }

  async end(id: Id, ended: Omit<EndMessage, 'type' | 'at'>): Promise<void> {
    const command = { type: 'EndMessage', ...ended, at: this.#deps.now() } as const
    const meta = { commandId: randomUUID(), actor: 'system:sessions' }
    await this.#deps.store.execute(sessions, this.#stream(id), command, meta)
  }

  async messages(id: Id): Promise<SessionMessage[]> {
    await this.find(id)
    return turnsIn((await this.#deps.store.read(this.#stream(id))) as Recorded<SessionEvent>[])
  }

  async delete(id: Id, { credentials, authorization }: Caller): Promise<void> {
    await this.find(id)
    await appendByApiKey(credentials, authorization, (author) => {
      const meta = { commandId: `delete:${id.projectId}:${id.sessionId}`, ...author }
      return this.#deps.store.execute(sessions, this.#stream(id), { type: 'DeleteSession' }, meta)
    })
  }

  #stream({ sessionId, projectId }: Id) {
    return { accountId: this.#deps.accountId, projectId, stream: sessionStream(sessionId) }
  }
}

/** `active` counts the one that is to be opened. */
function refuseBeyond(limit: number, active: number): void {
  if (active > limit)
    throw new ContractError(
      'session_limit_reached',
      `This project has ${active - 1} active sessions, and may have ${limit}. Delete some, or wait until they expire.`,
    )
}

export const notThere = () =>
  new ContractError('session_not_found', 'There is no such session, or it belongs to another project.')
export const expired = () =>
  new ContractError('session_expired', 'Nothing was sent to this session for 30 minutes. Start a new one.')

/** What a run was given and what it made. */
const filesIn = (recorded: readonly Recorded<RunEvent>[]): RunFile[] =>
  recorded.flatMap(({ event }) =>
    event.type === 'RunStarted' || event.type === 'ToolReturned' ? event.data.files : [],
  )

/** The answered messages, in order. */
function turnsIn(recorded: readonly Recorded<SessionEvent>[]): SessionMessage[] {
  return recorded.flatMap(({ event }) => {
    if (event.type !== 'SessionMessageEnded' || event.data.answer === null) return []
    const { runId, message, answer, files, at } = event.data
    return [{ runId, message, answer, files, at }]
  })
}

/** What a run of a session sees: every message that was answered before it began. */
export async function historyOf(
  { store, accountId }: Pick<Platform, 'store' | 'accountId'>,
  projectId: string,
  sessionId: string,
  runId: string,
): Promise<Turn[]> {
  const recorded = (await store.read({
    accountId,
    projectId,
    stream: sessionStream(sessionId),
  })) as Recorded<SessionEvent>[]
  const began = recorded.findIndex((r) => r.event.type === 'SessionMessageStarted' && r.event.data.runId === runId)
  return turnsIn(began < 0 ? recorded : recorded.slice(0, began)).map(({ message, answer, files }) => ({
    message,
    answer,
    files,
  }))
}
