import { expect, test } from 'vitest'
import { spec } from '../kernel/spec.testing.ts'
import { SetRotationPolicyInput } from './input.ts'
import type { KeyCustodyEvent } from './events.ts'
import { keyCustody, keyCustodyStream } from './key-custody.ts'
import { keyCustodyView } from './key-custody.projection.ts'

const given = spec(keyCustody)
const ruled = (from: number | null, to: number | null): KeyCustodyEvent => ({
  type: 'RotationPolicySet',
  version: 1,
  data: { from, to },
})

test('a rule records what it replaces, and why', () => {
  given().when({ type: 'SetRotationPolicy', maxAgeDays: 30 }).then(ruled(null, 30))
  given(ruled(null, 30))
    .when({ type: 'SetRotationPolicy', maxAgeDays: 60, reason: 'PCI' })
    .then({ type: 'RotationPolicySet', version: 1, data: { from: 30, to: 60, reason: 'PCI' } })
})

test('a withdrawn rule leaves none', () => {
  given(ruled(null, 30)).when({ type: 'SetRotationPolicy', maxAgeDays: null }).then(ruled(30, null))
  expect(given(ruled(null, 30), ruled(30, null)).state).toEqual(keyCustody.initial)
})

test('the rule that holds already changes nothing', () => {
  given(ruled(null, 30)).when({ type: 'SetRotationPolicy', maxAgeDays: 30, reason: 'again' }).then()
  given().when({ type: 'SetRotationPolicy', maxAgeDays: null }).then()
})

test.each([0, -1, 1.5, 3651, Number.NaN])('a maximum age of %d days is refused', (maxAgeDays) => {
  const projectId = '01976c5e-7d00-7000-8000-0000000000aa'
  expect(SetRotationPolicyInput.safeParse({ projectId, maxAgeDays }).success).toBe(false)
  expect(SetRotationPolicyInput.safeParse({ projectId, maxAgeDays: 1 }).success).toBe(true)
})

test('a list reads the rule of now', () => {
  const logged = { accountId: 'acc', projectId: 'p', stream: 's', seq: 1, eventId: 'e', at: 1, actor: 'a', index: 0 }
  expect(keyCustodyView.key({ ...logged, event: ruled(null, 30) })).toBe('p')
  expect(keyCustodyView.evolve(undefined, { ...logged, event: ruled(null, 30) })).toEqual({
    projectId: 'p',
    maxAgeDays: 30,
  })
})

test('a project has one stream for the custody of its keys', () => expect(keyCustodyStream('p')).toBe('key-custody:p'))
