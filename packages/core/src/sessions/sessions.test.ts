import { expect, test } from 'vitest'
import { spec } from '../kernel/spec.testing.ts'
import type { SessionEvent } from './events.ts'
import { SESSION_MS, sessions } from './sessions.ts'
import type { SessionRow } from './sessions.projection.ts'
import { sessionsView } from './sessions.projection.ts'

const given = spec(sessions)
const opened: SessionEvent = { type: 'SessionOpened', version: 1, data: { at: 1_000 } }
const started: SessionEvent = { type: 'SessionMessageStarted', version: 1, data: { runId: 'r1', at: 2_000 } }
const said = { runId: 'r1', message: 'Hi', answer: 'Hello', files: [], at: 3_000 }
const ended: SessionEvent = { type: 'SessionMessageEnded', version: 2, data: said }
const failed: SessionEvent = { type: 'SessionMessageEnded', version: 2, data: { ...said, answer: null } }
const deleted: SessionEvent = { type: 'SessionDeleted', version: 1, data: {} }
const start = { type: 'StartMessage', runId: 'r2', at: 4_000 } as const

test('a session is opened once', () => {
  given().when({ type: 'OpenSession', at: 1_000 }).then(opened)
  given(opened).when({ type: 'OpenSession', at: 5_000 }).then()
  given().when(start).thenRefused('NOT_FOUND', { what: 'session' })
})

test('its messages are answered one after another', () => {
  given(opened)
    .when({ ...start, runId: 'r1', at: 2_000 })
    .then(started)
  given(opened, started).when(start).thenRefused('SESSION_BUSY', { runId: 'r1' })
  given(opened, started)
    .when({ type: 'EndMessage', ...said })
    .then(ended)
  given(opened, started, ended)
    .when(start)
    .then({ type: 'SessionMessageStarted', version: 1, data: { runId: 'r2', at: 4_000 } })
})

test('a run ends its own message only, and once', () => {
  given(opened, started)
    .when({ type: 'EndMessage', ...said, runId: 'r9' })
    .then()
  given(opened, started, ended)
    .when({ type: 'EndMessage', ...said })
    .then()
})

test('a session expires after thirty minutes without activity, and never while a run is under way', () => {
  given(opened)
    .when({ ...start, at: 1_000 + SESSION_MS + 1 })
    .thenRefused('SESSION_EXPIRED', {})
  expect(sessions.decide({ ...start, at: 1_000 + SESSION_MS }, given(opened).state)).toHaveLength(1)
  given(opened, started)
    .when({ ...start, at: SESSION_MS * 9 })
    .thenRefused('SESSION_BUSY', { runId: 'r1' })
})

test('a deleted session is not there any more', () => {
  given(opened).when({ type: 'DeleteSession' }).then(deleted)
  given(opened, deleted).when({ type: 'DeleteSession' }).then()
  given(opened, deleted).when(start).thenRefused('NOT_FOUND', { what: 'session' })
})

test('the state counts what was answered', () => {
  expect(given(opened, started, failed).state).toMatchObject({ messages: 0, busy: null })
  expect(given(opened, started, ended).state).toMatchObject({ messages: 1, busy: null, activeAt: 3_000 })
  expect(given(started, ended, deleted).state).toEqual(sessions.initial)
})

test('the list shows sessions without what was said in them', () => {
  const logged = (event: SessionEvent, seq: number) => ({
    event,
    seq,
    index: seq,
    at: seq,
    accountId: 'a',
    projectId: 'p',
    stream: 'session:s1',
    eventId: `e${seq}`,
    actor: 'api-key:1',
  })
  const fold = (...events: SessionEvent[]) =>
    events.map((e, i) => logged(e, i + 1)).reduce<SessionRow | undefined>(sessionsView.evolve, undefined)
  expect(sessionsView.key(logged(opened, 1))).toBe('s1')
  expect(fold(opened, started)).toMatchObject({ sessionId: 's1', busy: 'r1', runs: 1, messages: 0 })
  const row = fold(opened, started, ended, deleted)
  expect(row).toMatchObject({ busy: null, runs: 1, messages: 1, activeAt: 3_000, deleted: true })
  expect(JSON.stringify(row)).not.toContain('Hello')
  expect(fold(ended)).toBeUndefined()
})
