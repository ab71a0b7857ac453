import { expect, test } from 'vitest'
import { isSameOrigin } from './same-origin.ts'

const from = (headers: Record<string, string>, publicUrl?: string) =>
  isSameOrigin({ headers, host: '127.0.0.1:4400' }, publicUrl)

test('a program that says nothing about its origin may change things', () => expect(from({})).toBe(true))
test('the own page may', () => {
  expect(from({ origin: 'http://127.0.0.1:4400', 'sec-fetch-site': 'same-origin' })).toBe(true)
})
test('the page at the public address may, behind a proxy that changes the host', () => {
  expect(from({ origin: 'https://stewrd.example' }, 'https://stewrd.example')).toBe(true)
})
test.each([
  [{ origin: 'http://evil.example' }],
  [{ origin: 'http://127.0.0.1:4401' }],
  [{ origin: 'null' }],
  [{ 'sec-fetch-site': 'cross-site' }],
  [{ 'sec-fetch-site': 'same-site', origin: 'http://127.0.0.1:4400' }],
])('another site may not: %o', (headers: Record<string, string>) => expect(from(headers)).toBe(false))
