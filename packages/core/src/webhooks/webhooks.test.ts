import { expect, test } from 'vitest'
import { spec } from '../kernel/spec.testing.ts'
import type { WebhookEvent } from './events.ts'
import { SetWebhookInput, WebhookUrl } from './input.ts'
import { webhooks, webhooksStream } from './webhooks.ts'
import { webhooksView } from './webhooks.projection.ts'

const secret = (nth: string) => ({
  sealed: `c2VhbGVk${nth.repeat(4)}`,
  dekId: `01976c5e-7d00-7000-8000-0000000000${nth.repeat(2)}`,
  fingerprint: `fp_00000000000000${nth.repeat(2)}`,
})
const [one, two, three] = [secret('a'), secret('b'), secret('c')]
const url = 'https://hooks.example/stewrd'
const set: WebhookEvent = { type: 'WebhookSet', version: 1, data: { url, secret: one, replaces: null } }
const regenerated = (overlap = true): WebhookEvent => ({
  type: 'WebhookSecretRegenerated',
  version: 1,
  data: { secret: two, replaces: one.fingerprint, overlap: overlap ? { secret: one, until: 1600 } : null },
})
const given = spec(webhooks)

test('a project gets an address and a secret', () => given().when({ type: 'SetWebhook', url, secret: one }).then(set))

test('an address that moves keeps its secret, and says what it replaces', () => {
  const moved = 'https://other.example/'
  given(set)
    .when({ type: 'SetWebhook', url: moved, secret: two, reason: 'new host' })
    .then({ type: 'WebhookSet', version: 1, data: { url: moved, replaces: url, reason: 'new host' } })
  given(set).when({ type: 'SetWebhook', url: moved }).thenState({ status: 'set', url: moved, secret: one, events: [] })
  given(set).when({ type: 'SetWebhook', url, secret: two }).then()
})

test('a new secret lets the one before sign for a while, or not at all', () => {
  const ask = { type: 'RegenerateWebhookSecret', secret: two, now: 1000 } as const
  given(set)
    .when({ ...ask, overlapMs: 600 })
    .then(regenerated())
  given(set)
    .when({ ...ask, overlapMs: 0 })
    .then(regenerated(false))
  expect(given(set, regenerated()).state).toEqual({
    status: 'set',
    url,
    secret: two,
    previous: { secret: one, until: 1600 },
    events: [],
  })
  // Never three: the oldest stops at once.
  given(set, regenerated())
    .when({ ...ask, secret: three, overlapMs: 0 })
    .thenState({ status: 'set', url, secret: three, events: [] })
})

test('a change of one part is no conflict with a change of another', () => {
  const { conflictsWith } = webhooks as Required<typeof webhooks>
  const commands = {
    address: { type: 'SetWebhook', url },
    secret: { type: 'RegenerateWebhookSecret', secret: two, overlapMs: 0, now: 1 },
    events: { type: 'ChangeWebhookEvents', events: [] },
    all: { type: 'RemoveWebhook' },
  } as const
  const told = (event: WebhookEvent) =>
    Object.entries(commands).flatMap(([part, command]) => (conflictsWith(command, event) ? [part] : []))
  expect(told({ type: 'WebhookSet', version: 1, data: { url, replaces: 'https://other.example/' } })).toEqual([
    'address',
    'all',
  ])
  expect(told(regenerated())).toEqual(['secret', 'all'])
  expect(told({ type: 'WebhookEventsChanged', version: 1, data: { from: [], to: ['key.overdue'] } })).toEqual([
    'events',
    'all',
  ])
  expect(told({ type: 'WebhookOverlapEnded', version: 1, data: { fingerprint: one.fingerprint } })).toEqual([])
  for (const event of [set, { type: 'WebhookRemoved', version: 1, data: { url } } as const])
    expect(told(event)).toEqual(['address', 'secret', 'events', 'all'])
})

test('the end of an overlap is recorded once, and for that secret only', () => {
  const end = { type: 'EndWebhookOverlap', fingerprint: one.fingerprint } as const
  const ended: WebhookEvent = { type: 'WebhookOverlapEnded', version: 1, data: { fingerprint: one.fingerprint } }
  given(set, regenerated()).when(end).then(ended)
  given(set, regenerated(), ended).when(end).then()
  given(set, regenerated())
    .when({ ...end, fingerprint: two.fingerprint })
    .then()
})

test('further events are kept in one order, without doubles', () => {
  given(set)
    .when({ type: 'ChangeWebhookEvents', events: ['key.overdue', 'agent.failed', 'key.overdue'] })
    .then({ type: 'WebhookEventsChanged', version: 1, data: { from: [], to: ['agent.failed', 'key.overdue'] } })
  given(set).when({ type: 'ChangeWebhookEvents', events: [] }).then()
})

test('what was removed is gone, and nothing can be changed without an address', () => {
  const removed: WebhookEvent = { type: 'WebhookRemoved', version: 1, data: { url } }
  given(set).when({ type: 'RemoveWebhook' }).then(removed)
  expect(given(set, removed).state).toEqual({ status: 'none' })
  given(set, removed).when({ type: 'RemoveWebhook' }).thenRefused('WEBHOOK_NOT_SET')
  given().when({ type: 'ChangeWebhookEvents', events: [] }).thenRefused('WEBHOOK_NOT_SET')
  given().when({ type: 'SetWebhook', url }).thenRefused('WEBHOOK_NOT_SET')
})

test('a retry that drew another secret, later, is the same command', () => {
  const identity = webhooks.identity!
  const ask = { type: 'RegenerateWebhookSecret', overlapMs: 60, now: 1, secret: one } as const
  expect(identity(ask)).toEqual(identity({ ...ask, now: 2, secret: two }))
  expect(identity(ask)).not.toEqual(identity({ ...ask, overlapMs: 61 }))
})

test('an address is http or https, and carries no password and no fragment', () => {
  for (const good of [url, 'http://10.0.0.1:8080/x?y=1', ' https://hooks.example '])
    expect(WebhookUrl.safeParse(good).success, good).toBe(true)
  for (const bad of [
    '',
    'hooks.example',
    'ftp://hooks.example',
    'https://u:p@hooks.example',
    `${url}#a`,
    'javascript:0',
  ])
    expect(WebhookUrl.safeParse(bad).success, bad).toBe(false)
  expect(SetWebhookInput.safeParse({ projectId: one.dekId, url, secret: 'x' }).success).toBe(false)
})

test('the view knows whose overlap ends when, and neither address nor secret', () => {
  const logged = { accountId: 'acc', projectId: 'p', stream: webhooksStream('p'), seq: 1, eventId: 'e', at: 1 }
  const fold = (...events: WebhookEvent[]) =>
    events.reduce<ReturnType<typeof webhooksView.evolve>>(
      (row, event, index) => webhooksView.evolve(row, { ...logged, event, index, actor: 'a' }),
      undefined,
    )
  expect(fold(set)).toEqual({ projectId: 'p', overlapUntil: null, events: [] })
  expect(fold(set, regenerated())).toEqual({ projectId: 'p', overlapUntil: 1600, events: [] })
  expect(fold(set, regenerated(), { type: 'WebhookRemoved', version: 1, data: { url } })).toBeUndefined()
})
