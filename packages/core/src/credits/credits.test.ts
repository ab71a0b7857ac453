import { expect, test } from 'vitest'
import { spec } from '../kernel/spec.testing.ts'
import { credits, creditsStream } from './credits.ts'
import type { CreditsEvent } from './events.ts'
import { CreditAmount } from './events.ts'

const given = spec(credits)
const granted = (amount: number): CreditsEvent => ({ type: 'CreditsGranted', version: 1, data: { amount } })

test('a grant is recorded with its reason, if one is given', () => {
  given().when({ type: 'GrantCredits', amount: 100 }).then(granted(100))
  given(granted(5))
    .when({ type: 'GrantCredits', amount: 1, reason: 'a trial' })
    .then({ type: 'CreditsGranted', version: 1, data: { amount: 1, reason: 'a trial' } })
  expect(given(granted(5), granted(7)).state).toEqual({ granted: 12, purchased: 0 })
})

test('a purchase is recorded with what it is known by, and counted apart', () => {
  const bought = { type: 'CreditsPurchased', version: 1, data: { amount: 40, reference: 'INV-7' } } as const
  given(granted(5)).when({ type: 'PurchaseCredits', amount: 40, reference: 'INV-7' }).then(bought)
  expect(given(granted(5), bought).state).toEqual({ granted: 5, purchased: 40 })
})

test('whole credits are granted, at least one', () => {
  for (const bad of [0, -1, 1.5, '5', 1e12]) expect(CreditAmount.safeParse(bad).success, String(bad)).toBe(false)
})

test('the stream belongs to the account, which stands in the place of a project', () =>
  expect(creditsStream('acc')).toEqual({ accountId: 'acc', projectId: 'acc', stream: 'credits' }))
