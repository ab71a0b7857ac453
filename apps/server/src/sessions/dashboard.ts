import { Refusal } from '@stewrd/core/kernel/errors.ts'
import type { Recorded } from '@stewrd/core/kernel/event.ts'
import type { RunFile } from '@stewrd/core/kernel/run-file.ts'
import type { SessionEvent } from '@stewrd/core/sessions/events.ts'
import type { SessionRow } from '@stewrd/core/sessions/sessions.projection.ts'
import { hasExpired, SESSION_MS, sessions, sessionStream } from '@stewrd/core/sessions/sessions.ts'
import { folded } from '../kernel/folded.ts'
import { shown } from '../kernel/change.ts'
import type { Platform } from '../platform.ts'
import { streamOf } from '../projects/project-of.ts'

type Status = 'active' | 'answering' | 'expired' | 'deleted'
export type SessionListItem = Omit<SessionRow, 'deleted' | 'busy'> & { status: Status; expiresAt: number }
/** Newest first. `nextCursor` asks for the older ones after these; null at the end. */
export type SessionPage = { sessions: SessionListItem[]; nextCursor: number | null }
/** `answer` is null when the run failed or was stopped, and while it is under way. */
export type SessionTurn = {
  runId: string
  message: string
  answer: string | null
  files: readonly RunFile[]
  at: number
}
export type SessionDetail = {
  sessionId: string
  status: Status
  actor: string
  openedAt: number
  activeAt: number
  expiresAt: number
  busy: string | null
  turns: SessionTurn[]
}
type Id = { projectId: string; sessionId: string }

const statusOf = (session: { deleted: boolean; busy: unknown; activeAt: number }, now: number): Status =>
  session.deleted ? 'deleted' : session.busy ? 'answering' : hasExpired(session, now) ? 'expired' : 'active'

export async function sessionPage(
  { views, accountId, now }: Platform,
  { projectId, cursor, limit }: { projectId: string; cursor?: number | null | undefined; limit: number },
): Promise<SessionPage> {
  const before = typeof cursor === 'number' ? { before: cursor } : {}
  const { rows, next } = await views.list<SessionRow>('sessions', accountId, { projectId, limit, ...before })
  const listed = rows.map(({ deleted, busy, ...row }) => ({
    ...row,
    status: statusOf({ deleted, busy, activeAt: row.activeAt }, now()),
    expiresAt: row.activeAt + SESSION_MS,
  }))
  return { sessions: listed, nextCursor: next ?? null }
}

/** What was said, from the session's own stream: as new as its last event. What a deleted one said stays in the history. */
export async function sessionDetail(platform: Platform, { projectId, sessionId }: Id): Promise<SessionDetail> {
  const stream = streamOf(platform, projectId, sessionStream(sessionId))
  const recorded = (await platform.store.read(stream)) as Recorded<SessionEvent>[]
  const first = recorded.find((one) => one.projectId === projectId)
  const state = folded(
    sessions,
    recorded.map(({ event }) => event),
  )
  if (!first || state.status === 'none') throw new Refusal('NOT_FOUND', { what: 'session', id: sessionId })
  const { activeAt, busy } = state
  const deleted = state.status === 'deleted'
  return {
    sessionId,
    status: statusOf({ deleted, busy, activeAt }, platform.now()),
    actor: first.actor,
    openedAt: first.at,
    activeAt,
    expiresAt: activeAt + SESSION_MS,
    busy: busy?.runId ?? null,
    turns: deleted ? [] : recorded.flatMap(({ event }) => turnOf(event)),
  }
}

function turnOf({ type, data }: SessionEvent): SessionTurn[] {
  if (type !== 'SessionMessageEnded') return []
  const { runId, message, answer, files, at } = data
  return [{ runId, message, answer, files, at }]
}

export async function deleteSession(
  platform: Platform,
  { projectId, sessionId }: Id,
  actor: string,
): Promise<{ deleted: true }> {
  const stream = streamOf(platform, projectId, sessionStream(sessionId))
  const meta = { commandId: `delete:${projectId}:${sessionId}`, actor }
  const { revision } = await platform.store.execute(sessions, stream, { type: 'DeleteSession' }, meta)
  await shown(platform, sessionStream(sessionId), revision)
  return { deleted: true }
}
