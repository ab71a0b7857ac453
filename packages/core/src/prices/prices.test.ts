import { expect, test } from 'vitest'
import { spec } from '../kernel/spec.testing.ts'
import type { PriceEvent } from './events.ts'
import { costOf, prices } from './prices.ts'

const given = spec(prices)
const set: PriceEvent = { type: 'PriceSet', version: 1, data: { model: 'gpt-4o', input: 2500, output: 10_000 } }
const other: PriceEvent = { type: 'PriceSet', version: 1, data: { model: '__proto__', input: 1, output: 1 } }

test('a price is set once, changed and removed', () => {
  given().when({ type: 'SetPrice', model: 'gpt-4o', input: 2500, output: 10_000 }).then(set)
  given(set).when({ type: 'SetPrice', model: 'gpt-4o', input: 2500, output: 10_000 }).then()
  given(set)
    .when({ type: 'SetPrice', model: 'gpt-4o', input: 0, output: 0 })
    .then({ type: 'PriceSet', version: 1, data: { model: 'gpt-4o', input: 0, output: 0 } })
  given(set)
    .when({ type: 'RemovePrice', model: 'gpt-4o' })
    .then({ type: 'PriceRemoved', version: 1, data: { model: 'gpt-4o' } })
  given(set).when({ type: 'RemovePrice', model: 'o1' }).then()
})

test('each model has one price, whatever it is called', () => {
  const dearer: PriceEvent = { ...set, data: { ...set.data, input: 3000 } }
  expect(given(set, other, dearer).state).toEqual({ prices: [dearer.data, other.data] })
  expect(given(set, other, { type: 'PriceRemoved', version: 1, data: { model: 'gpt-4o' } }).state).toEqual({
    prices: [other.data],
  })
})

test('what tokens cost is in billionths of a dollar', () => {
  expect(costOf({ input: 2500, output: 10_000 }, { input: 1000, output: 200 })).toBe(4_500_000)
  expect(costOf({ input: 0.6, output: 0 }, { input: 3, output: 9 })).toBe(2)
})
