import { describe, expect, test } from 'vitest'
import { classify } from './classify.ts'
import { KeyScrubber } from './reading/key-scrubber.ts'
import { reasonIn } from './reading/reason.ts'
import { retryAfterOf } from './reading/retry-after.ts'

const key = 'sk-SENTINEL-0123456789abcdef'
const scrubber = new KeyScrubber(key)
const headers = (given: Record<string, string> = {}) => ({ get: (name: string) => given[name] ?? null })
const failed = (status: number, body: unknown, given?: Record<string, string>) =>
  classify({
    status,
    said: reasonIn(typeof body === 'string' ? body : JSON.stringify(body)),
    headers: headers(given),
    scrubber,
  })

describe('the reason of a failure is read', () => {
  test.each([
    [
      'as OpenAI gives it',
      {
        error: {
          message: 'Too long',
          code: 'context_length_exceeded',
          param: 'messages',
          type: 'invalid_request_error',
        },
      },
    ],
    ['as text', { error: 'Too long' }],
    ['at the top', { object: 'error', message: 'Too long', code: 400 }],
    ['as a message alone', { message: 'Too long' }],
    ['in detail', { detail: 'Too long' }],
    ['in a list of details', { detail: [{ loc: ['body', 'messages'], msg: 'Too long' }] }],
    ['in a message that is an object', { error: { message: { detail: [{ msg: 'Too long' }] } } }],
    ['in a list of errors', { errors: [{ message: 'Too long' }] }],
    ['in a list of one', [{ error: { message: 'Too long', status: 'INVALID_ARGUMENT' } }]],
    ['in JSON inside a text', { error: { message: '{"error":{"message":"Too long"}}' } }],
    [
      'of the provider behind',
      { error: { message: 'Provider returned error', metadata: { raw: '{"error":{"message":"Too long"}}' } } },
    ],
    ['as words', 'Too long'],
  ])('%s', (_name, body) => {
    expect(failed(400, body)).toMatchObject({
      name: 'ProviderError',
      status: 400,
      message: expect.stringMatching(/\(HTTP 400\): .*Too long$/) as string,
    })
  })

  test('without the key, control characters, or the text of a page', () => {
    expect(failed(400, { error: `Bad\u0007 ${key} ${Buffer.from(key).toString('base64')}` }).message).toBe(
      'The provider refused the request (HTTP 400): Bad  [key] [key]Zg==',
    )
    expect(failed(400, '<html>secret page</html>').message).toBe(
      'The provider refused the request (HTTP 400): it gave no reason.',
    )
    expect(failed(400, { error: 'x'.repeat(9000) }).message.length).toBeLessThan(500)
  })
})

describe('a failure is classified', () => {
  const wrongKey = { error: { message: 'Incorrect API key provided', code: 'invalid_api_key' } }
  test.each([
    [401, wrongKey, 'provider_key_rejected'],
    [401, '', 'provider_key_rejected'],
    [403, wrongKey, 'provider_key_rejected'],
    [403, { error: 'Your API key has expired' }, 'provider_key_rejected'],
    [400, { error: { message: 'API key not valid. Please pass a valid API key.' } }, 'provider_key_rejected'],
    [403, { error: { message: 'Input flagged by moderation', metadata: { reasons: ['violence'] } } }, 'compute_error'],
    [
      403,
      {
        error: { message: 'Country, region, or territory not supported', code: 'unsupported_country_region_territory' },
      },
      'compute_error',
    ],
    [403, '<html>Attention Required! | Cloudflare</html>', 'compute_error'],
    [403, '', 'compute_error'],
    [403, { error: { message: 'Key limit exceeded (total limit)' } }, 'provider_quota_exceeded'],
    [402, '', 'provider_quota_exceeded'],
    [429, { error: { code: 'insufficient_quota' } }, 'provider_quota_exceeded'],
    [429, { error: 'Rate limit' }, 'compute_error'],
    [404, { error: { message: 'The model `x` does not exist', code: 'model_not_found' } }, 'model_not_found'],
    [404, { error: 'model "x" not found, try pulling it first' }, 'model_not_found'],
    [400, { error: { message: 'x/y is not a valid model ID' } }, 'model_not_found'],
    [404, { detail: 'Not Found' }, 'compute_error'],
    [404, '404 page not found', 'compute_error'],
    [404, { error: { message: 'No endpoints found that support tool use.' } }, 'compute_error'],
    [400, { error: { message: 'This model does not support tools' } }, 'compute_error'],
    [413, { error: { message: 'Request too large' } }, 'payload_too_large'],
    [302, '', 'compute_error'],
    [500, '', 'compute_error'],
  ] as const)('HTTP %s %j is %s, and keeps its status', (status, body, code) => {
    expect(failed(status, body)).toMatchObject({
      code,
      status,
      retryable: status === 429 && code === 'compute_error' ? true : status >= 500,
    })
  })

  test('by what it calls itself where it stands in an answer of 200', () => {
    const inBand = (body: object) => classify({ status: null, said: reasonIn(JSON.stringify(body)), scrubber })
    expect(inBand({ error: { code: 429, message: 'Slow' } })).toMatchObject({ status: 429, retryable: true })
    expect(inBand({ error: { code: '503', message: 'Busy' } })).toMatchObject({ status: 503, retryable: true })
    expect(inBand({ error: { type: 'rate_limit_error', message: 'Slow' } })).toMatchObject({ status: 429 })
    expect(inBand({ error: { type: 'authentication_error', message: 'No' } })).toMatchObject({
      code: 'provider_key_rejected',
      status: 401,
    })
    expect(inBand({ error: { message: 'Something' } })).toMatchObject({
      status: null,
      message: 'The provider failed: Something',
    })
  })
})

test('how long to wait is read from seconds, milliseconds and dates', () => {
  const now = Date.UTC(2026, 10, 28)
  const read = (given: Record<string, string>) => retryAfterOf(headers({ date: new Date(now).toUTCString(), ...given }))
  expect(read({ 'retry-after': '7' })).toBe(7)
  expect(read({ 'retry-after': '1.2s' })).toBe(2)
  expect(read({ 'retry-after-ms': '1500', 'retry-after': '9' })).toBe(2)
  expect(read({ 'retry-after': new Date(now + 9000).toUTCString() })).toBe(9)
  for (const text of ['-1', '0', 'soon', new Date(now - 9000).toUTCString(), '9999999'])
    expect(read({ 'retry-after': text })).toBeNull()
  expect(read({})).toBeNull()
})
