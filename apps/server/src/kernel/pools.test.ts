import { expect, test } from 'vitest'
import { poolSizes } from './pools.ts'

test.each([
  ['server', 20, 97, { main: 9, worker: 7, signIn: 3 }],
  ['server', 20, 12, { main: 4, worker: 3, signIn: 2 }],
  ['server', 20, 9, { main: 3, worker: 2, signIn: 1 }],
  ['server', 20, 6, { main: 2, worker: 2, signIn: 1 }],
  ['server', 6, 97, { main: 2, worker: 2, signIn: 1 }],
  ['server', 40, Number.POSITIVE_INFINITY, { main: 29, worker: 7, signIn: 3 }],
  ['command', 20, 97, { main: 2, worker: 6, signIn: 1 }],
  ['command', 20, 2, { main: 2, worker: 2, signIn: 1 }],
] as const)('a %s that may hold %i connections where %d are allowed', (as, size, limit, sizes) => {
  expect(poolSizes(as, size, limit)).toEqual(sizes)
})
