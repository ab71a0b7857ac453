import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Egress } from '../egress/egress.ts'
import { createEgress } from '../egress/egress.ts'
import type { Fault, Upstream } from '../testing/upstream.ts'
import { startUpstream } from '../testing/upstream.ts'
import { answer } from './answer.ts'
import { checkKey } from './check-key.ts'
import { listModels, modelsIn } from './list-models.ts'
import type { ModelTarget } from './target.ts'
import { WholeCharacters } from './whole-characters.ts'

const good = 'sk-SENTINEL-good-good-good'
const bad = 'sk-SENTINEL-bad-bad-bad'
let upstream: Upstream
let egress: Egress
beforeAll(async () => {
  upstream = await startUpstream({ keys: [good] })
  egress = createEgress({ allow: [upstream.host] })
})
afterAll(async () => {
  await upstream.close()
  await egress.close()
})
beforeEach(() => void (upstream.seen.length = 0))
afterEach(() => {
  upstream.fail(undefined)
  upstream.setKeys([good])
})

const target = (provider: ModelTarget['provider'] = 'custom', key = good, model = 'gpt-4o'): ModelTarget => ({
  provider,
  baseUrl: upstream.baseUrl,
  key: { reveal: () => key },
  model,
})
const paths = () => upstream.seen.map(({ path, key }) => [path, key === good])

describe('checking a key', () => {
  test('asks OpenAI for its models, OpenRouter for the key, and a custom server once more with a wrong key', async () => {
    const check = (provider: ModelTarget['provider']) => checkKey(egress, target(provider))
    expect(await check('openai')).toMatchObject({ health: 'verified', method: 'models' })
    expect(await check('openrouter')).toMatchObject({ health: 'verified', method: 'key_endpoint' })
    expect(await check('custom')).toMatchObject({ health: 'verified', method: 'one_token' })
    expect(paths()).toEqual([
      ['/v1/models', true],
      ['/v1/key', true],
      ['/v1/chat/completions', true],
      ['/v1/chat/completions', false],
    ])
  })

  describe('of a custom server', () => {
    const completion = { choices: [{ message: { role: 'assistant', content: 'x' }, finish_reason: 'length' }] }
    type Call = { key: string; body: Record<string, unknown> }
    type Said = { status: number; body: unknown }
    /** A server that answers each call as `say` does. */
    async function checkAt(say: (call: Call) => Said, key = good) {
      const calls: Call[] = []
      const server = createServer((request, response) => {
        void json(request).then((body) => {
          const call = { key: request.headers.authorization!.slice('Bearer '.length), body: body as Call['body'] }
          calls.push(call)
          const { status, body: said } = say(call)
          response.writeHead(status, { 'content-type': typeof said === 'string' ? 'text/html' : 'application/json' })
          response.end(typeof said === 'string' ? said : JSON.stringify(said))
        })
      })
      await once(server.listen(0, '127.0.0.1'), 'listening')
      const host = `127.0.0.1:${(server.address() as AddressInfo).port}`
      const check = await checkKey(createEgress({ allow: [host] }), {
        ...target('custom', key),
        baseUrl: `http://${host}/v1`,
      })
      server.close()
      return { check, calls }
    }
    const ok = { status: 200, body: completion }

    test('whose model refuses max_tokens, is made as runs make it', async () => {
      const { check, calls } = await checkAt(({ key, body }) => {
        if (key !== good) return { status: 401, body: { error: { message: 'Bad key.' } } }
        if ('max_tokens' in body)
          return {
            status: 400,
            body: { error: { code: 'unsupported_parameter', param: 'max_tokens', message: 'No.' } },
          }
        return ok
      })
      expect(check).toMatchObject({ health: 'verified', method: 'one_token' })
      expect(calls.map(({ key, body }) => [key === good, 'max_tokens' in body])).toEqual([
        [true, true],
        [true, false],
        [false, true],
      ])
    })

    test('that refuses only this key, is a rejection and not a server that accepts any key', async () => {
      const { check, calls } = await checkAt(
        ({ key }) => (key === bad ? { status: 401, body: { error: { message: 'Revoked.' } } } : ok),
        bad,
      )
      expect(check).toMatchObject({ health: 'rejected', status: 401 })
      expect(calls).toHaveLength(1)
    })

    test('that answers 400 to a wrong key, verifies a right one', async () => {
      const { check } = await checkAt(({ key }) =>
        key === good ? ok : { status: 400, body: { error: { message: 'API key not valid.' } } },
      )
      expect(check).toMatchObject({ health: 'verified' })
    })

    test.each([
      '{"detail":"Not Found"}',
      '{"error":{"message":"Not found"}}',
      '<html><head><title>404 Not Found</title></head><body><center><h1>404 Not Found</h1></center><hr>nginx</body></html>',
      'Cannot POST /chat/completions',
      '404 page not found',
      '',
    ])('with nothing at the address, says so and checks no key: %j', async (body) => {
      const { check, calls } = await checkAt(() => ({ status: 404, body }))
      expect(check).toMatchObject({
        health: 'unreachable',
        reason: expect.stringMatching(/nothing at this address.*\/v1/),
      })
      expect(calls).toHaveLength(1)
    })

    test.each([
      { error: { code: 403, message: 'Your request was flagged.', metadata: { flagged_input: 'ping' } } },
      { error: { code: 'unsupported_country_region_territory', message: 'Country not supported.' } },
      '<html><title>403 Forbidden</title><body>Request blocked by the firewall.</body></html>',
    ])('that answers 403 for another reason, is no verdict on the key: %j', async (body) => {
      const { check } = await checkAt(() => ({ status: 403, body }))
      expect(check).toMatchObject({ health: 'unreachable', reason: expect.stringContaining('HTTP 403') })
    })

    test('that answers 403 because of the key, is a rejection', async () => {
      const { check } = await checkAt(() => ({
        status: 403,
        body: { error: { message: 'This API key was revoked.' } },
      }))
      expect(check).toMatchObject({ health: 'rejected', status: 403 })
    })

    test('that limits the rate of the second call, verifies nothing', async () => {
      const { check } = await checkAt(({ key }) =>
        key === good ? ok : { status: 429, body: { error: { message: 'Slow down.' } } },
      )
      expect(check).toMatchObject({ health: 'unreachable' })
    })
  })

  test.each(['openai', 'openrouter', 'custom'] as const)(
    '%s: a wrong key is rejected, and not quoted',
    async (provider) => {
      const check = await checkKey(egress, target(provider, bad))
      expect(check).toMatchObject({ health: 'rejected', status: 401 })
      expect(JSON.stringify(check)).not.toContain('SENTINEL')
    },
  )

  test('a server that answers any key has verified none', async () => {
    upstream.setKeys('any')
    expect(await checkKey(egress, target())).toMatchObject({
      health: 'unreachable',
      reason: expect.stringContaining('any key'),
    })
  })

  test('a model that the server does not know is no verified key', async () => {
    expect(await checkKey(egress, target('custom', good, 'no-such-model'))).toMatchObject({ health: 'unreachable' })
  })

  const faults: Fault[] = ['server-error', 'garbage', 'hang', 'reset', 'truncate', 'rate', 'quota', 'payment']
  test.each(faults.flatMap((fault) => (['openai', 'openrouter', 'custom'] as const).map((p) => [fault, p] as const)))(
    '%s at %s leaves the key unchecked',
    async (fault, provider) => {
      // Lists are short here, so only completions are cut in the middle.
      if (fault === 'truncate' && provider !== 'custom') upstream.fail('reset')
      else upstream.fail(fault)
      if (fault === 'truncate') upstream.setKeys('any')
      const check = await checkKey(egress, target(provider), { timeoutMs: 300 })
      expect(check).toMatchObject({ health: 'unreachable', reason: expect.stringMatching(/^[A-Z].*\.$/) })
      expect(JSON.stringify(check)).not.toContain('SENTINEL')
    },
  )

  test('a host that may not be called is unreachable, and the reason names the setting', async () => {
    const strict = createEgress()
    expect(await checkKey(strict, target())).toMatchObject({
      health: 'unreachable',
      reason: expect.stringContaining('STEWRD_EGRESS_ALLOW'),
    })
    expect(upstream.seen).toEqual([])
  })
})

describe('an answer', () => {
  const ask = (over: { model?: string; key?: string; onToken?: (text: string) => void; timeoutMs?: number } = {}) =>
    answer(egress, {
      target: target('custom', over.key, over.model),
      messages: [{ role: 'user', content: 'hi' }],
      signal: AbortSignal.timeout(over.timeoutMs ?? 5000),
      onToken: over.onToken,
    })

  test('is the same, whole or streamed, with the tokens that the provider counted', async () => {
    const chunks: string[] = []
    const expected = { content: 'Hello from the upstream.', finishReason: 'stop', tokens: { input: 12, output: 5 } }
    const none = { refusal: null, toolCalls: [], tokensEstimated: false, costNanoUsd: null, extra: null }
    const whole = { ...expected, ...none }
    expect(await ask()).toEqual(whole)
    expect(await ask({ onToken: (text) => chunks.push(text) })).toEqual(whole)
    expect(chunks.join('')).toBe(expected.content)
    expect(chunks.length).toBeGreaterThan(1)
  })

  const outcomes: [Fault, string, number | null][] = [
    ['unauthorized', 'provider_key_rejected', 401],
    ['payment', 'provider_quota_exceeded', 402],
    ['quota', 'provider_quota_exceeded', 429],
    ['rate', 'compute_error', 429],
    ['not-found', 'model_not_found', 404],
    ['server-error', 'compute_error', 500],
    ['garbage', 'compute_error', null],
    ['truncate', 'compute_error', null],
    ['reset', 'compute_unavailable', null],
  ]
  test.each(outcomes.flatMap((o) => [[...o, false] as const, [...o, true] as const]))(
    '%s becomes %s (%s), streamed: %s',
    async (fault, code, status, streamed) => {
      upstream.fail(fault)
      const error: unknown = await ask(streamed ? { onToken: () => {} } : {}).catch((thrown: unknown) => thrown)
      expect(error).toMatchObject({ name: 'ProviderError', code, status })
      expect(Object.keys(error as object).toSorted()).toEqual(['code', 'name', 'retryAfter', 'retryable', 'status'])
      expect((error as Error).cause).toBeUndefined()
      expect((error as Error).message + (error as Error).stack).not.toContain('SENTINEL')
    },
  )

  test('says how long a rate limit lasts, when the provider does', async () => {
    upstream.fail('rate')
    await expect(ask()).rejects.toMatchObject({ code: 'compute_error', retryAfter: 7 })
  })

  test('is not waited for longer than the caller wants', async () => {
    upstream.fail('hang')
    await expect(ask({ timeoutMs: 200 })).rejects.toMatchObject({ name: 'Aborted' })
    await expect(ask({ timeoutMs: 200, onToken: () => {} })).rejects.toMatchObject({ name: 'Aborted' })
  })
})

test('a list of models may be a bare array, and anything else is none', () => {
  const models = [{ id: 'a' }, { id: 'b' }]
  for (const body of [models, { data: models }]) expect(modelsIn(body)).toEqual(models)
  for (const body of [null, 'a', {}, { data: { id: 'a' } }, { models }]) expect(modelsIn(body)).toBeUndefined()
})

test('models are listed by id, sorted', async () => {
  expect(await listModels(egress, target())).toEqual(['gpt-4o', 'gpt-4o-mini', 'o1'])
  await expect(listModels(egress, target('custom', bad))).rejects.toMatchObject({ code: 'provider_key_rejected' })
  upstream.fail('garbage')
  await expect(listModels(egress, target())).rejects.toMatchObject({ code: 'compute_error' })
})

test('what is handed on of a stream is well formed, also where a frame ends inside of a character', () => {
  const heard: string[] = []
  const tokens = new WholeCharacters((text) => void heard.push(text))
  for (const piece of ['a\ud83d', '\ude00b', '\ude00', 'c\u0000', '\ud83d', 'd', 'e\ud83d']) tokens.take(piece)
  tokens.end()
  expect(heard).toEqual(['a', '😀b', '\ufffd', 'c\ufffd', '\ufffdd', 'e', '\ufffd'])
})
