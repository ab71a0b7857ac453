import fc from 'fast-check'
import { expect, test } from 'vitest'
import { BaseUrl, isMask, keyOf, ProviderKey, providerRef, SetProviderInput } from './input.ts'
import { providers, suggestedModels } from './providers.ts'

const refused = (act: () => unknown) => {
  try {
    act()
  } catch (error) {
    return error as { code: string; details: { field: string; problem: string }; message: string }
  }
  throw new Error('expected a refusal')
}

const realKeys = [
  'sk-proj-Zk3_9f8Aq-0LmN1pQrStUvWxYz0123456789abcdefABCDEF',
  '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',
  'sk-ant-api03-abc_DEF-123',
  'gsk_abcdefghij0123456789',
  'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.dGVzdA',
  'a.b-c_d.e~f+g/h==',
  'local-key-1',
]

test.each(realKeys)('a real key is never taken for a mask: %s', (key) => {
  expect(isMask(key)).toBe(false)
  expect(keyOf(key)).toBe(key)
})

test('letters, digits and the punctuation of keys never make a mask', () =>
  fc.assert(
    fc.property(fc.stringMatching(/^[A-Za-z0-9_~+/-]{8,80}(\.[A-Za-z0-9_-]{1,40}){0,2}={0,2}$/), (key) => {
      expect(isMask(key)).toBe(false)
      expect(keyOf(key)).toBe(key)
    }),
  ))

const masks = [
  '••••••',
  '••••••••abcd',
  'sk-…abcd',
  'sk-...abcd',
  'sk-proj-••••••••••••wxyz',
  'sk-or-v1-1234****************abcd',
  '********',
  '***',
  '●●●●●●',
  '·····',
  '…',
  '  ••••••  ',
  '[secret]',
  '[redacted]',
  '<hidden>',
]
test.each(masks)('a mask that a page shows is no key: %s', (mask) => {
  expect(isMask(mask)).toBe(true)
  expect(keyOf(mask)).toBeUndefined()
})

test('a key that is left out or blank keeps the stored one', () => {
  expect(keyOf(undefined)).toBeUndefined()
  expect(keyOf('')).toBeUndefined()
  expect(keyOf(' \n ')).toBeUndefined()
})

test('white space around a pasted key is dropped', () => expect(keyOf('  local-key-1\r\n')).toBe('local-key-1'))

test.each(['"local-key-1"', "'local-key-1'", '`local-key-1`', ' "local-key-1", ', '"local-key-1";', "' local-key-1 '"])(
  'quotation marks around a pasted key are dropped: %s',
  (key) => expect(keyOf(key)).toBe('local-key-1'),
)

test.each([
  ['OPENAI_API_KEY=sk-def-ghi', 'name of a variable'],
  ['export OPENAI_API_KEY="sk-def-ghi"', 'name of a variable'],
  ['"OPENAI_API_KEY=sk-def-ghi"', 'name of a variable'],
  ['Bearer sk-def-ghi', 'name of a header'],
  ['Authorization: Bearer sk-def-ghi', 'name of a header'],
  ['undefined', 'placeholder'],
  ['your-api-key', 'placeholder'],
  ['YOUR_API_KEY', 'placeholder'],
  ['sk-"def-ghi', 'quotation mark'],
  ['sk-abc\ndef-ghi', 'line break'],
  ['sk-abc\rdef-ghi', 'line break'],
  ['sk-abc def-ghi', 'a space'],
  ['sk-abc\tdef-ghi', 'a space'],
  ['sk-abc\u0000def-ghi', 'a space'],
  ['sk-abcé-def-ghi', 'a space'],
  ['sk-abc\u200bdef-ghi', 'a space'],
  ['sk-1', 'shorter than 8'],
  ['x'.repeat(513), 'longer than 512'],
])('%j is refused by field name, and never quoted', (key, problem) => {
  const { code, details, message } = refused(() => keyOf(key))
  expect(code).toBe('INVALID_INPUT')
  expect(details.field).toBe('key')
  expect(details.problem).toContain(problem)
  expect(message).not.toContain(key)
  expect(JSON.stringify(details)).not.toContain('def-ghi')
})

test('a key is text', () => {
  for (const bad of [1, null, {}, ['a']])
    expect(ProviderKey.safeParse(bad).error?.issues[0]?.message).toBe('The key must be text.')
})

test.each([
  ['https://host.example/v1', 'https://host.example/v1'],
  ['https://host.example/v1/', 'https://host.example/v1'],
  ['https://host.example/v1///', 'https://host.example/v1'],
  ['https://HOST.example/V1', 'https://host.example/V1'],
  ['  http://127.0.0.1:8000/v1 ', 'http://127.0.0.1:8000/v1'],
  ['https://host.example:443/v1', 'https://host.example/v1'],
  ['https://host.example', 'https://host.example'],
  ['https://host.example/a/../v1', 'https://host.example/v1'],
  ['https://host.example/v1?', 'https://host.example/v1'],
  ['https://host.example/v1#', 'https://host.example/v1'],
  ['http://[::1]:8000/v1', 'http://[::1]:8000/v1'],
])('the base URL %s is %s', (text, url) => {
  expect(BaseUrl.parse(text)).toBe(url)
  expect(BaseUrl.parse(url)).toBe(url)
})

test.each([
  '',
  'host.example/v1',
  '/v1',
  'ftp://host.example/v1',
  'file:///etc/passwd',
  'javascript:alert(1)',
  'https://user@host.example/v1',
  'https://user:pw@host.example/v1',
  'https://host.example/v1?key=1',
  'https://host.example/v1#a',
  'https://',
  `https://host.example/${'x'.repeat(500)}`,
])('%j is no base URL', (text) => expect(BaseUrl.safeParse(text).success).toBe(false))

test('a known provider has its own base URL', () => {
  const openai = { provider: 'openai', baseUrl: providers.openai.baseUrl }
  expect(providerRef('openai', undefined)).toEqual(openai)
  expect(providerRef('openai', 'https://api.openai.com/v1')).toEqual(openai)
  expect(providerRef('openrouter', undefined).baseUrl).toBe('https://openrouter.ai/api/v1')
  expect(refused(() => providerRef('openai', 'https://evil.example/v1'))).toMatchObject({
    code: 'INVALID_INPUT',
    details: { field: 'baseUrl' },
  })
})

test('a custom provider needs a base URL', () => {
  expect(providerRef('custom', 'https://llm.example/v1')).toEqual({
    provider: 'custom',
    baseUrl: 'https://llm.example/v1',
  })
  expect(refused(() => providerRef('custom', undefined))).toMatchObject({
    code: 'INVALID_INPUT',
    details: { field: 'baseUrl' },
  })
})

test('what a client sends to set a provider', () => {
  const input = { projectId: '01976c5e-7d00-7000-8000-000000000001', provider: 'openai', model: 'gpt-4o' }
  expect(SetProviderInput.parse(input)).toEqual(input)
  for (const bad of [
    { projectId: 'p' },
    { provider: 'azure' },
    { model: '' },
    { model: 'a\u0007b' },
    { model: 'x'.repeat(201) },
    { key: 7 },
    { baseUrl: 'host' },
    { expectedRevision: -1 },
    { extra: true },
  ])
    expect(SetProviderInput.safeParse({ ...input, ...bad }).success, JSON.stringify(bad)).toBe(false)
})

test('seven models are suggested, each with what it is best for', () => {
  expect(suggestedModels).toHaveLength(7)
  for (const { model, provider, bestFor } of suggestedModels) {
    expect(SetProviderInput.shape.model.parse(model)).toBe(model)
    expect(providers[provider].baseUrl).toBeDefined()
    expect(bestFor).not.toBe('')
  }
})
