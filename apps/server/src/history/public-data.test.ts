import type { AnyEvent } from '@stewrd/core/catalog.ts'
import { expect, test } from 'vitest'
import { publicData } from './public-data.ts'

const key = { sealed: 'c2VhbGVk', dekId: '01a20774-48f4-7271-a479-d9a26c4368fd', fingerprint: 'fp_0123456789abcdef' }
const provider = { provider: 'openai', baseUrl: 'https://api.openai.com/v1' } as const

test('of a sealed key only its fingerprint is shown', () => {
  const set: AnyEvent = { type: 'ProviderSet', version: 1, data: { provider, model: 'gpt-4o', key, replaces: null } }
  const rotated: AnyEvent = { type: 'KeyRotated', version: 1, data: { key, replaces: 'fp_1111111111111111' } }
  expect(publicData(set)).toEqual({
    provider,
    model: 'gpt-4o',
    key: { fingerprint: key.fingerprint },
    replaces: null,
  })
  expect(publicData(rotated)).toEqual({ key: { fingerprint: key.fingerprint }, replaces: 'fp_1111111111111111' })
})

test('the hash of an API key is not shown', () => {
  const hash = 'a'.repeat(64)
  const issued: AnyEvent = { type: 'ApiKeyIssued', version: 1, data: { keyId: key.dekId, hash } }
  expect(publicData(issued)).toEqual({ keyId: key.dekId })
})

test('long texts of a run are shortened, and files are named only', () => {
  const started: AnyEvent = {
    type: 'RunStarted',
    version: 3,
    data: {
      object: 'agent.response',
      plan: 'self-hosted',
      message: 'x'.repeat(2000),
      files: [{ name: 'notes.txt', content: 'private' }],
      tools: [],
      sessionId: null,
      requestDigest: null,
      deadline: 0,
      capabilities: ['chat'],
      stream: false,
      provider: 'openai',
      baseUrl: provider.baseUrl,
      model: 'gpt-4o',
      keySource: 'project',
      configRevision: 1,
      keyFingerprint: key.fingerprint,
      credits: 1,
      node: 'n1',
    },
  }
  const shown = publicData<'RunStarted'>(started)
  expect(shown.files).toEqual(['notes.txt'])
  expect(shown.message).toHaveLength(501)
})
