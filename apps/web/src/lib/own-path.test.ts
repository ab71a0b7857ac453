import { expect, test } from 'vitest'
import { ownPath } from './own-path.ts'

const origin = 'http://stewrd.test:4400'

test.each(['/', '/projects/1?tab=a#b', '/history?noun=runs'])('%s leads there', (next) => {
  expect(ownPath(next, origin)).toBe(next)
})

test.each([
  undefined,
  '',
  'projects',
  '//evil.example',
  '/\\evil.example',
  '/\\/evil.example',
  '/\t/evil.example',
  '/\n\\evil.example',
  '/.//evil.example',
  '/..//evil.example/x',
  'https://evil.example/',
  'javascript:alert(1)',
  '/\\\\evil.example@stewrd.test:4400',
])('%j leads to the start page', (next) => {
  expect(ownPath(next, origin)).toBe('/')
})
