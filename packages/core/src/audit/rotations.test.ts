import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { readEvent } from '../catalog.ts'
import type { EventShape } from '../kernel/event.ts'
import { emptyReport, rotationsReport } from './report.ts'
import type { RotationsEvent, RotationsRow } from './rotations.projection.ts'
import { rotationsView } from './rotations.projection.ts'

const DAY = 86_400_000
const fixture = <T extends RotationsEvent['type']>(type: T) => {
  const text = readFileSync(new URL(`../../../../testdata/events/${type}.v1.json`, import.meta.url), 'utf8')
  return readEvent(JSON.parse(text) as EventShape) as Extract<RotationsEvent, { type: T }>
}
const stored = {
  set: fixture('ProviderSet'),
  rotated: fixture('KeyRotated'),
  changed: fixture('ModelChanged'),
  removed: fixture('ProviderRemoved'),
  started: fixture('RunStarted'),
  ended: fixture('RunCompleted'),
  rejected: fixture('KeyRejected'),
  verified: fixture('KeyVerified'),
}
const [a, b] = ['fp_00000000000000aa', 'fp_00000000000000bb']
const keyOf = (fingerprint: string) => ({ ...stored.set.data.key, fingerprint })
const set = (fingerprint: string): RotationsEvent => ({
  ...stored.set,
  data: { ...stored.set.data, key: keyOf(fingerprint) },
})
const rotate = (from: string, to: string): RotationsEvent => ({
  ...stored.rotated,
  data: { key: keyOf(to), replaces: from },
})
const ruled = (from: number | null, to: number | null): RotationsEvent => ({
  type: 'RotationPolicySet',
  version: 1,
  data: { from, to, ...(to !== null && { reason: 'contract' }) },
})
const run = (keyFingerprint: string | null): RotationsEvent => ({
  ...stored.started,
  data: { ...stored.started.data, keyFingerprint, keySource: keyFingerprint ? 'project' : 'default' },
})

/** Event n stands at place n of the log, and happened on day n unless another day is given. */
const logged = (event: RotationsEvent, index: number, projectId = 'p', day = index) => ({
  event,
  index,
  seq: index,
  at: day * DAY,
  accountId: 'acc',
  projectId,
  stream: 's',
  eventId: `e${index}`,
  actor: `user:${index}`,
})
const fold = (events: readonly RotationsEvent[], projectId = 'p', days: readonly number[] = []): RotationsRow =>
  events
    .map((e, i) => logged(e, i + 1, projectId, days[i]))
    .filter((l) => rotationsView.key(l) !== undefined)
    .reduce<RotationsRow | undefined>(rotationsView.evolve, undefined)!

test('a key has a period from its setting to its replacement, with who and why', () => {
  const { keys } = fold([set(a), rotate(a, b)])
  expect(keys).toMatchObject([
    {
      fingerprint: a,
      from: DAY,
      to: 2 * DAY,
      setBy: 'user:1',
      replacedBy: 'user:2',
      reason: 'one bill for everything',
    },
    { fingerprint: b, from: 2 * DAY, to: null, setBy: 'user:2', replacedBy: null, reason: null, fromRevision: 2 },
  ])
  expect(keys[1]!.provider).toEqual(stored.set.data.provider)
})

test('removing the provider ends the period of its key', () => {
  const { keys } = fold([set(a), stored.removed])
  expect(keys).toMatchObject([{ fingerprint: a, to: 2 * DAY, replacedBy: 'user:2' }])
})

test('runs are counted for the period in which they started', () => {
  const { keys } = fold([set(a), run(a), run(a), rotate(a, b), run(b)])
  expect(keys).toMatchObject([
    { fingerprint: a, runs: 2, runsAfterReplaced: 0, firstUsedAt: 2 * DAY, lastUsedAt: 3 * DAY },
    { fingerprint: b, runs: 1, runsAfterReplaced: 0, firstUsedAt: 5 * DAY, lastUsedAt: 5 * DAY },
  ])
})

test('a run after a rotation in the log is one after it, whatever its clock says', () => {
  const late = fold([set(a), rotate(a, b), run(a)], 'p', [1, 5, 2])
  expect(late.keys).toMatchObject([
    { fingerprint: a, runs: 0, runsAfterReplaced: 1 },
    { fingerprint: b, runs: 0 },
  ])
  const early = fold([set(a), run(a), rotate(a, b)], 'p', [1, 9, 5])
  expect(early.keys).toMatchObject([{ fingerprint: a, runs: 1, runsAfterReplaced: 0 }, { fingerprint: b }])
})

test('a run after a removal is one on a replaced key', () =>
  expect(fold([set(a), stored.removed, run(a)]).keys).toMatchObject([{ runs: 0, runsAfterReplaced: 1 }]))

test('a key that comes back has a period of its own, and its runs count there', () => {
  const { keys } = fold([set(a), run(a), rotate(a, b), rotate(b, a), run(a), run(a)])
  expect(keys).toMatchObject([
    { fingerprint: a, runs: 1, runsAfterReplaced: 0, to: 3 * DAY },
    { fingerprint: b, runs: 0, to: 4 * DAY },
    { fingerprint: a, runs: 2, runsAfterReplaced: 0, to: null },
  ])
})

test('candidates that the provider refused are listed', () =>
  expect(fold([set(a), stored.rejected]).rejected).toEqual([
    { fingerprint: b, at: 2 * DAY, status: 401, source: 'rotate' },
  ]))

test('runs without an own key, changes of the model and good checks do not matter here', () => {
  for (const event of [run(null), stored.changed, stored.ended, stored.verified])
    expect(rotationsView.key(logged(event, 1)), event.type).toBeUndefined()
  for (const event of [set(a), rotate(a, b), stored.removed, run(a), stored.rejected])
    expect(rotationsView.key(logged(event, 1)), event.type).toBe('p')
  const before = fold([set(a)])
  for (const event of [run(null), stored.changed, stored.ended, stored.verified])
    expect(rotationsView.evolve(before, logged(event, 2))).toEqual(before)
})

test('folding never changes the row it was given', () => {
  const before = fold([set(a)])
  const copy = structuredClone(before)
  for (const event of [rotate(a, b), run(a), stored.removed, stored.rejected])
    rotationsView.evolve(before, logged(event, 2))
  expect(before).toEqual(copy)
})

test('a key in use is overdue when it is older than the maximum age, to the day', () => {
  const row = fold([set(a)])
  const [young] = rotationsReport([row], 91 * DAY, 90)
  expect(young).toMatchObject({ overdue: false, keys: [{ ageDays: 90, overdue: false }] })
  const [old] = rotationsReport([row], 91 * DAY + 1, 90)
  expect(old).toMatchObject({ overdue: true, keys: [{ overdue: true }] })
})

test('the age of a replaced key ends with its use, so it is never overdue', () => {
  const [report] = rotationsReport([fold([set(a), rotate(a, b)], 'p', [0, 200])], 210 * DAY, 90)
  expect(report!.keys).toMatchObject([
    { fingerprint: a, ageDays: 200, overdue: false },
    { fingerprint: b, ageDays: 10, overdue: false },
  ])
  expect(report!.overdue).toBe(false)
})

test('a key seen in several projects names the others, sorted', () => {
  const rows = [fold([set(a)], 'p2'), fold([set(a), rotate(a, b)], 'p1'), fold([set(a)], 'p3')]
  const reports = rotationsReport(rows, 3 * DAY, 90)
  expect(reports.map((r) => r.keys.map((k) => k.alsoIn))).toEqual([[['p1', 'p3']], [['p2', 'p3'], []], [['p1', 'p2']]])
})

test('a key that came back is marked from its second period on', () => {
  const [report] = rotationsReport([fold([set(a), rotate(a, b), rotate(b, a)])], 4 * DAY, 90)
  expect(report!.keys.map((k) => k.cameBack)).toEqual([false, false, true])
  expect(report!.keys.map((k) => k.alsoIn)).toEqual([[], [], []])
})

test('runs on replaced keys are added up for the project', () => {
  const events = [set(a), rotate(a, b), run(a), stored.removed, run(b), run(a)]
  const [report] = rotationsReport([fold(events)], 9 * DAY, 90)
  expect(report!.runsAfterReplaced).toBe(3)
})

test('the rule of a project decides what is overdue; who asks may measure by another', () => {
  const row = fold([ruled(null, 30), set(a)], 'p', [0, 0])
  const [own] = rotationsReport([row], 31 * DAY, null)
  expect(own).toMatchObject({ overdue: true, due: { status: 'overdue', dueAt: 30 * DAY, own: true } })
  expect(own!.policy).toEqual({ maxAgeDays: 30, source: 'project', since: 0, by: 'user:1', reason: 'contract' })
  expect(own!.keys[0]!.daysBeyond).toBe(1)
  const [asked] = rotationsReport([row], 31 * DAY, 60)
  expect(asked).toMatchObject({ overdue: false, policy: { maxAgeDays: 60, source: 'asked' }, due: { status: 'fine' } })
})

test('without a rule, or after it was withdrawn, the rule of the deployment holds', () => {
  const rows = [fold([set(a)], 'p1', [0]), fold([set(a), ruled(null, 30), ruled(30, null)], 'p2', [0, 1, 2])]
  const reports = rotationsReport(rows, 40 * DAY, null)
  expect(reports.map((r) => r.policy)).toMatchObject([
    { maxAgeDays: 90, source: 'deployment', by: null },
    { maxAgeDays: 90, source: 'deployment', by: null },
  ])
  expect(reports[1]!.policies.map((p) => [p.from, p.to])).toEqual([
    [null, 30],
    [30, null],
  ])
  expect(reports.map((r) => r.due)).toMatchObject([{ own: false }, { own: false }])
})

test('a replaced key that was used for too long is told, though nothing is overdue any more', () => {
  const [report] = rotationsReport([fold([set(a), rotate(a, b)], 'p', [0, 100])], 101 * DAY, null)
  expect(report!.keys.map((k) => k.daysBeyond)).toEqual([10, 0])
  expect(report).toMatchObject({ overdue: false, rotations: 1 })
})

test('the longest gap is the longest time on one key, also over a change of its host', () => {
  const events = [set(a), rotate(a, b), set(b), rotate(b, a)]
  const [report] = rotationsReport([fold(events, 'p', [0, 40, 70, 110])], 120 * DAY, null)
  expect(report!.longestGap).toEqual({ fingerprint: b, from: 40 * DAY, to: 110 * DAY, days: 70 })
  expect(report!.rotations).toBe(2)
  const [open] = rotationsReport([fold([set(a)], 'p', [5])], 20 * DAY, null)
  expect(open!.longestGap).toEqual({ fingerprint: a, from: 5 * DAY, to: null, days: 15 })
})

test('a project without keys has an empty report under the rule of the deployment', () =>
  expect(emptyReport('p', null)).toMatchObject({
    projectId: 'p',
    keys: [],
    overdue: false,
    due: null,
    longestGap: null,
    policy: { maxAgeDays: 90 },
  }))

test('a period tells why it ended', () =>
  expect(fold([set(a), stored.removed]).keys[0]).toMatchObject({
    replacedReason: stored.removed.data.reason ?? null,
    reason: 'one bill for everything',
  }))

const overlap = (fingerprint: string, until: number): RotationsEvent => ({
  type: 'OverlapStarted',
  version: 1,
  data: { key: keyOf(fingerprint), until },
})
const ended: RotationsEvent = { type: 'OverlapEnded', version: 1, data: { fingerprint: a, because: 'time' } }
const fell = (from: string, to: string): RotationsEvent => ({
  type: 'KeyFellBack',
  version: 1,
  data: { from, to, status: 401 },
})
const retired: RotationsEvent = {
  type: 'KeyRetired',
  version: 1,
  data: { fingerprint: a, dekId: stored.set.data.key.dekId },
}

test('uses of the old key in an overlap are counted apart, and those after it are uses of a replaced key', () => {
  const events = [set(a), rotate(a, b), overlap(a, 9 * DAY), run(b), fell(b, a), fell(b, a), ended, fell(b, a)]
  const row = fold(events)
  expect(row.keys).toMatchObject([
    { fingerprint: a, fallbackRuns: 2, runsAfterReplaced: 1, overlap: { until: 9 * DAY, endedAt: 7 * DAY } },
    { fingerprint: b, runs: 1, fallbackRuns: 0, overlap: null },
  ])
  expect(rotationsReport([row], 9 * DAY, null)).toMatchObject([{ fallbackRuns: 2, runsAfterReplaced: 1 }])
})

test('a rotation in the middle of an overlap ends it', () =>
  expect(fold([set(a), rotate(a, b), overlap(a, 9 * DAY), rotate(b, a)]).keys[0]).toMatchObject({
    overlap: { endedAt: 4 * DAY },
  }))

test('a roll back is a period of its own, and says so', () => {
  const data = { key: keyOf(a), replaces: b, reason: 'quota' }
  const back: RotationsEvent = { type: 'KeyRolledBack', version: 1, data }
  const { keys } = fold([set(a), rotate(a, b), overlap(a, 9 * DAY), back])
  expect(keys).toMatchObject([
    { fingerprint: a, began: 'set', overlap: { endedAt: 4 * DAY } },
    { fingerprint: b, began: 'rotated', to: 4 * DAY, replacedReason: 'quota' },
    { fingerprint: a, began: 'rolled back', to: null, reason: 'quota' },
  ])
})

test('a roll back makes no key younger', () => {
  const back: RotationsEvent = { type: 'KeyRolledBack', version: 1, data: { key: keyOf(a), replaces: b } }
  const other = { ...rotate(a, b), data: { key: { ...keyOf(b), dekId: 'other' }, replaces: a } } as RotationsEvent
  const row = fold([set(a), other, overlap(a, 80 * DAY), back], 'p', [0, 79, 79, 79.5])
  const [report] = rotationsReport([row], 91 * DAY, null)
  expect(report!.keys.at(-1)).toMatchObject({ fingerprint: a, ageDays: 91, overdue: true })
  expect(report).toMatchObject({ due: { status: 'overdue', dueAt: 90 * DAY }, longestGap: { from: 0, days: 91 } })
})

test('a period tells when the value of its key was destroyed', () =>
  expect(fold([set(a), rotate(a, b), retired]).keys.map((k) => k.retiredAt)).toEqual([3 * DAY, null]))

test('no rows, no report', () => expect(rotationsReport([], 0, 90)).toEqual([]))
