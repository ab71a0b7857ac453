import { expect, test } from 'vitest'
import { spec } from '../kernel/spec.testing.ts'
import type { KeyCheck, KeyHealthCommand } from './commands.ts'
import type { KeyHealthEvent } from './events.ts'
import type { KeyHealthRow } from './key-health.projection.ts'
import { keyHealthRowKey, keyHealthView } from './key-health.projection.ts'
import { keyHealth, keyHealthStream } from './key-health.ts'

const fingerprint = 'fp_00000000000000aa'
const reason = 'The provider does not know this key.'
const silence = 'The provider did not answer in time.'
const verified: KeyHealthEvent = {
  type: 'KeyVerified',
  version: 1,
  data: { fingerprint, source: 'test', method: 'models', latencyMs: 40 },
}
const rejected: KeyHealthEvent = {
  type: 'KeyRejected',
  version: 1,
  data: { fingerprint, source: 'test', status: 401, reason },
}
const unreachable: KeyHealthEvent = {
  type: 'KeyUnreachable',
  version: 1,
  data: { fingerprint, source: 'test', reason: silence },
}
const checks = {
  verified: { health: 'verified', method: 'models', latencyMs: 40 },
  rejected: { health: 'rejected', status: 401, reason },
  unreachable: { health: 'unreachable', reason: silence },
} satisfies Record<string, KeyCheck>
const record = (check: KeyCheck, source: KeyHealthCommand['source'] = 'test', of = fingerprint): KeyHealthCommand => ({
  type: 'RecordKeyCheck',
  fingerprint: of,
  source,
  check,
})
const given = spec(keyHealth)

test('each result of a check is an event of its own', () => {
  given().when(record(checks.verified)).then(verified)
  given().when(record(checks.rejected)).then(rejected)
  given().when(record(checks.unreachable)).then(unreachable)
})

test('a thousand runs that meet the same answer are one fact', () =>
  given(rejected).when(record(checks.rejected, 'run')).then())

test('a run that meets another answer is news', () =>
  given(verified)
    .when(record(checks.rejected, 'run'))
    .then({ ...rejected, data: { ...rejected.data, source: 'run' } }))

test('a check that only follows a rejection is recorded after one, and not otherwise', () => {
  const succeeded = { ...record(checks.verified, 'run'), onlyAfter: 'rejected' } as const
  given(rejected)
    .when(succeeded)
    .then({ ...verified, data: { ...verified.data, source: 'run' } })
  for (const last of [[], [unreachable], [verified]])
    given(...last)
      .when(succeeded)
      .then()
})

test('a test that somebody asked for is always recorded', () =>
  given(verified).when(record(checks.verified, 'test')).then(verified))

test('what is known of one key says nothing of another', () =>
  given(verified)
    .when(record(checks.verified, 'run', 'fp_00000000000000bb'))
    .then({
      ...verified,
      data: { ...verified.data, fingerprint: 'fp_00000000000000bb', source: 'run' },
    }))

test('the last check of each key is remembered, newest first', () => {
  expect(given(verified, rejected).state).toEqual({ checks: [{ fingerprint, health: 'rejected', reason }] })
  expect(given(rejected, verified).state).toEqual({ checks: [{ fingerprint, health: 'verified', reason: null }] })
})

test('twenty keys are remembered, and the oldest is forgotten', () => {
  const many = Array.from({ length: 25 }, (_, i): KeyHealthEvent => {
    const of = `fp_${i.toString(16).padStart(16, '0')}`
    return { type: 'KeyVerified', version: 1, data: { fingerprint: of, source: 'set', method: 'models', latencyMs: 1 } }
  })
  const { checks: kept } = given(...many).state
  expect(kept).toHaveLength(20)
  expect(kept[0]!.fingerprint).toBe('fp_0000000000000018')
})

test('the view keeps the newest check of a key and when it last worked', () => {
  const logged = (event: KeyHealthEvent, seq: number) => ({
    event,
    seq,
    index: seq,
    at: seq * 10,
    accountId: 'acc',
    projectId: 'p',
    stream: keyHealthStream('p'),
    eventId: `e${seq}`,
    actor: 'user:1',
  })
  const fold = (...events: KeyHealthEvent[]) =>
    events.map((e, i) => logged(e, i + 1)).reduce<KeyHealthRow | undefined>(keyHealthView.evolve, undefined)
  expect(keyHealthView.key(logged(verified, 1))).toBe(keyHealthRowKey('p', fingerprint))
  const row = { projectId: 'p', fingerprint }
  expect(fold(verified)).toEqual({
    ...row,
    health: 'verified',
    reason: null,
    checkedAt: 10,
    verifiedAt: 10,
    latencyMs: 40,
  })
  expect(fold(verified, unreachable)).toEqual({
    ...row,
    health: 'unreachable',
    reason: silence,
    checkedAt: 20,
    verifiedAt: 10,
    latencyMs: null,
  })
  expect(fold(rejected)).toMatchObject({ health: 'rejected', reason, verifiedAt: null })
})
