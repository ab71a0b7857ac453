import { expect, test } from 'vitest'
import { poolSizes } from './pools.ts'

test.each([
  ['server', 14, 97, { main: 10, signIn: 3 }],
  ['server', 14, 12, { main: 6, signIn: 3 }],
  ['server', 14, 9, { main: 4, signIn: 2 }],
  ['server', 14, 6, { main: 2, signIn: 1 }],
  ['server', 4, 97, { main: 2, signIn: 1 }],
  ['server', 40, Number.POSITIVE_INFINITY, { main: 36, signIn: 3 }],
  ['command', 14, 97, { main: 6, signIn: 1 }],
  ['command', 14, 2, { main: 2, signIn: 1 }],
] as const)('a %s that may hold %i connections where %d are allowed', (as, size, limit, sizes) => {
  expect(poolSizes(as, size, limit)).toEqual(sizes)
})
