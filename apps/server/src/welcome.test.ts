import { Secret } from '@stewrd/crypto/secret.ts'
import { expect, test } from 'vitest'
import { welcome } from './welcome.ts'

const base = { url: 'http://127.0.0.1:4400', home: '/data', fallback: { source: 'none' } as const }

test('without an owner the one-time link is the first thing to do, with the token where no server sees it', () => {
  const text = welcome({ ...base, token: new Secret('tok-1') })
  expect(text).toContain('http://127.0.0.1:4400/setup#token=tok-1')
})
test('with an owner there is no link', () => {
  expect(welcome({ ...base, token: undefined })).not.toContain('#token')
})
test('the demo model is called one', () => {
  const provider = { provider: 'custom', baseUrl: 'http://127.0.0.1:1/v1' } as const
  const fallback = { source: 'demo', provider, model: 'demo', key: new Secret('demo') } as const
  expect(welcome({ ...base, token: undefined, fallback })).toContain('demo model')
})
