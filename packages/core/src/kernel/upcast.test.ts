import { expect, test } from 'vitest'
import { upcast } from './upcast.ts'

const newest = new Map([
  ['Moved', 3],
  ['Kept', 1],
])
const upcasters = {
  Moved: [
    (data: unknown) => ({ ...(data as { to: string }), from: null }),
    (data: unknown) => ({ ...(data as object), unit: 'ms' }),
  ],
}
const read = (type: string, version: number, data: unknown) => upcast(newest, upcasters, { type, version, data })

test('an event of an earlier version goes through every upcaster from its own on', () => {
  expect(read('Moved', 1, { to: 'a' })).toEqual({
    type: 'Moved',
    version: 3,
    data: { to: 'a', from: null, unit: 'ms' },
  })
  expect(read('Moved', 2, { to: 'a', from: 'b' })).toEqual({
    type: 'Moved',
    version: 3,
    data: { to: 'a', from: 'b', unit: 'ms' },
  })
})

test('an event of the newest version is what was stored', () => {
  const stored = { type: 'Kept', version: 1, data: { name: 'x' } }
  expect(upcast(newest, upcasters, stored)).toBe(stored)
})

test.each([
  ['Moved', 4],
  ['Moved', 0],
  ['Sent', 1],
])('%s of version %i is not known', (type, version) => {
  expect(read(type, version, {})).toBeUndefined()
})
