import { runs, runStream } from '@stewrd/core/runs/runs.ts'
import type { UpstreamRequest } from '@stewrd/runtime/testing/upstream.ts'
import OpenAI from 'openai'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import type { Bed } from '../runs/v1.testing.ts'
import { keyA, openBed } from '../runs/v1.testing.ts'

let bed: Bed
let client: OpenAI
let asked: UpstreamRequest[]
beforeAll(async () => {
  bed = await openBed()
  client = new OpenAI({ baseURL: `${bed.server.url}/v1`, apiKey: bed.project.apiKey, maxRetries: 0 })
})
afterAll(() => bed?.close())
beforeEach(() => {
  asked = []
  bed.upstream.reply((request) => {
    asked.push(request)
    return { content: 'Hello from the model.' }
  })
})
afterEach(() => {
  bed.upstream.fail(undefined)
  bed.upstream.release()
})

const messages = [{ role: 'user' as const, content: 'Hi' }]
const stateOf = async (runId: string) => {
  const { accountId, store } = bed.tested.platform
  const stream = { accountId, projectId: bed.project.projectId, stream: runStream(runId) }
  return (await store.head(runs, stream)).state
}

test('the SDK gets an answer, with the run in the headers and in the history', async () => {
  const { data, response } = await client.chat.completions
    .create({ model: 'default', messages, temperature: 0.3, seed: 7, metadata: { a: 'b' } })
    .withResponse()
  expect(data.choices[0]!.message.content).toBe('Hello from the model.')
  expect(data.usage).toMatchObject({ prompt_tokens: 12, completion_tokens: 5 })
  expect(asked[0]).toMatchObject({ model: 'gpt-4o', temperature: 0.3, seed: 7, metadata: { a: 'b' } })
  const runId = response.headers.get('x-stewrd-run')!
  expect(response.headers.get('x-stewrd-revision')).toBe('1')
  expect(response.headers.get('x-stewrd-key-source')).toBe('project')
  await vi.waitFor(
    async () =>
      expect(await stateOf(runId)).toMatchObject({
        status: 'completed',
        message: 'Hello from the model.',
        tokens: { input: 12, output: 5 },
        started: { object: 'chat.completion', message: 'Hi', model: 'gpt-4o' },
      }),
    10_000,
  )
})

test('what the model says is recorded without text that cannot be stored', async () => {
  bed.upstream.reply(() => ({ content: 'a\u0000b \ud83d' }))
  const { response } = await client.chat.completions.create({ model: 'default', messages }).withResponse()
  const runId = response.headers.get('x-stewrd-run')!
  await vi.waitFor(
    async () => expect(await stateOf(runId)).toMatchObject({ status: 'completed', message: 'a\ufffdb \ufffd' }),
    10_000,
  )
})

test('a model of the client’s own is used with the project’s key', async () => {
  const { response } = await client.chat.completions.create({ model: 'gpt-4o-mini', messages }).withResponse()
  expect(asked[0]!.model).toBe('gpt-4o-mini')
  expect(bed.upstream.seen.at(-1)!.key).toBe(keyA)
  const runId = response.headers.get('x-stewrd-run')!
  await vi.waitFor(async () => expect(await stateOf(runId)).toMatchObject({ config: { model: 'gpt-4o-mini' } }), 10_000)
})

test('streams come as the provider sends them; counters only to who asked, and in the history', async () => {
  const { data, response } = await client.chat.completions
    .create({ model: 'default', messages, stream: true })
    .withResponse()
  let text = ''
  let usage = 0
  for await (const chunk of data) {
    text += chunk.choices[0]?.delta.content ?? ''
    if (chunk.usage) usage++
  }
  expect([text, usage]).toEqual(['Hello from the model.', 0])
  const runId = response.headers.get('x-stewrd-run')!
  await vi.waitFor(
    async () =>
      expect(await stateOf(runId)).toMatchObject({
        status: 'completed',
        message: text,
        tokens: { input: 12, output: 5 },
      }),
    10_000,
  )
  const counted = await client.chat.completions.create({
    model: 'default',
    messages,
    stream: true,
    stream_options: { include_usage: true },
  })
  for await (const chunk of counted) if (chunk.usage) usage++
  expect(usage).toBe(1)
})

test('the streaming and tool helpers of the SDK work unchanged', async () => {
  const stream = client.chat.completions.stream({ model: 'default', messages })
  const heard: string[] = []
  stream.on('content', (delta) => heard.push(delta))
  expect(await stream.finalContent()).toBe('Hello from the model.')
  expect(heard.length).toBeGreaterThan(1)
  bed.upstream.reply(({ messages: said = [] }) =>
    said.at(-1)!.role === 'tool'
      ? { content: `It is ${said.at(-1)!.content}.` }
      : { toolCalls: [{ id: 'c1', name: 'weather', arguments: '{"city":"Bern"}' }] },
  )
  const cities: string[] = []
  const runner = client.chat.completions.runTools({
    model: 'default',
    messages,
    tools: [
      {
        type: 'function',
        function: {
          name: 'weather',
          description: 'The weather.',
          parameters: { type: 'object', properties: { city: { type: 'string' } } },
          parse: JSON.parse as (text: string) => { city: string },
          function: async ({ city }: { city: string }) => {
            cities.push(city)
            return `sunny in ${city}`
          },
        },
      },
    ],
  })
  expect(await runner.finalContent()).toBe('It is sunny in Bern.')
  expect(cities).toEqual(['Bern'])
})

test('errors are those that the SDK knows, and quote nothing of the provider’s that may hold a key', async () => {
  const create = (over: object = {}) => client.chat.completions.create({ model: 'default', messages, ...over })
  const anonymous = new OpenAI({ baseURL: `${bed.server.url}/v1`, apiKey: 'sk-stw_nonsense', maxRetries: 0 })
  await expect(anonymous.chat.completions.create({ model: 'x', messages })).rejects.toBeInstanceOf(
    OpenAI.AuthenticationError,
  )
  await expect(create({ messages: 'none' })).rejects.toBeInstanceOf(OpenAI.BadRequestError)
  await expect(create({ model: 'unheard-of' })).rejects.toMatchObject({ status: 404, code: 'model_not_found' })
  bed.upstream.fail('rate')
  const limited = create()
  await expect(limited).rejects.toBeInstanceOf(OpenAI.RateLimitError)
  await expect(create()).rejects.toMatchObject({ status: 429, headers: expect.anything() })
  bed.upstream.fail('quota')
  await expect(create()).rejects.toMatchObject({ status: 429, code: 'provider_quota_exceeded' })
  bed.upstream.fail('unauthorized')
  await expect(create()).rejects.toMatchObject({ status: 424, code: 'provider_key_rejected' })
  for (const fault of ['server-error', 'garbage', 'reset', 'truncate', 'unauthorized'] as const) {
    bed.upstream.fail(fault)
    const error: unknown = await create().catch((thrown: unknown) => thrown)
    expect(error, fault).toBeInstanceOf(OpenAI.APIError)
    expect(`${String(error)} ${JSON.stringify(error)}`, fault).not.toContain('SENTINEL')
  }
})

test('a stream that breaks off in the middle is an error for the SDK, and a failed run', async () => {
  bed.upstream.fail('truncate')
  const { data, response } = await client.chat.completions
    .create({ model: 'default', messages, stream: true })
    .withResponse()
  await expect(
    (async () => {
      for await (const _ of data);
    })(),
  ).rejects.toBeInstanceOf(OpenAI.APIError)
  const runId = response.headers.get('x-stewrd-run')!
  await vi.waitFor(
    async () => expect(await stateOf(runId)).toMatchObject({ status: 'failed', error: 'compute_error' }),
    10_000,
  )
})

test('a client that goes away stops the call at the provider, and the run', async () => {
  bed.upstream.hold()
  bed.upstream.seen.length = 0
  const gone = new AbortController()
  const pending = client.chat.completions.create({ model: 'default', messages }, { signal: gone.signal })
  await vi.waitFor(() => expect(bed.upstream.seen).toHaveLength(1), 10_000)
  gone.abort()
  await expect(pending).rejects.toBeInstanceOf(OpenAI.APIUserAbortError)
  await vi.waitFor(async () => {
    const { rows } = await bed.tested.platform.views.list<{ status: string }>('runs', bed.tested.platform.accountId, {
      limit: 1,
    })
    expect(rows[0]).toMatchObject({ status: 'cancelled' })
  }, 10_000)
})

test('the models are the provider’s, and the project’s own is marked', async () => {
  const list: { id: string; stewrd?: { default: boolean } }[] = []
  for await (const model of client.models.list()) list.push(model)
  expect(list.map(({ id }) => id)).toEqual(['gpt-4o', 'gpt-4o-mini', 'o1'])
  expect(list.filter((m) => m.stewrd?.default).map(({ id }) => id)).toEqual(['gpt-4o'])
  bed.upstream.seen.length = 0
  await client.models.list()
  expect(bed.upstream.seen).toHaveLength(0)
})

test('a request may hold images of several megabytes', async () => {
  const url = `data:image/png;base64,${'A'.repeat(12 * 1024 * 1024)}`
  const content = [{ type: 'text', text: 'What is it?' } as const, { type: 'image_url', image_url: { url } } as const]
  const answer = await client.chat.completions.create({ model: 'default', messages: [{ role: 'user', content }] })
  expect(answer.choices[0]?.message.content).toBe('Hello from the model.')
})

test('a model is found by its id', async () => {
  expect(await client.models.retrieve('o1')).toMatchObject({ id: 'o1', object: 'model' })
  await expect(client.models.retrieve('no/such')).rejects.toMatchObject({ status: 404, code: 'not_found' })
})

describe('a project without a key of its own', () => {
  let theirs: Bed
  let own: OpenAI
  let apiKey: string
  const seen: (UpstreamRequest & { max_tokens?: number; n?: number })[] = []
  beforeAll(async () => {
    const variables = { STEWRD_DEFAULT_MODELS: 'gpt-4o-mini', STEWRD_DEFAULT_MAX_OUTPUT_TOKENS: '1000' }
    theirs = await openBed({ ownModel: true, variables })
    ;({ apiKey } = await theirs.newProject({ key: null }))
    own = new OpenAI({ baseURL: `${theirs.server.url}/v1`, apiKey, maxRetries: 0 })
    theirs.upstream.reply((request) => {
      seen.push(request)
      return { content: 'Hello.' }
    })
  })
  beforeEach(() => void seen.splice(0))
  afterAll(() => theirs?.close())

  test('has the models that the operator lists', async () => {
    const { response } = await own.chat.completions.create({ model: 'default', messages }).withResponse()
    expect(response.headers.get('x-stewrd-key-source')).toBe('default')
    await own.chat.completions.create({ model: 'gpt-4o-mini', messages })
    expect(seen.map(({ model }) => model)).toEqual(['o1', 'gpt-4o-mini'])
    expect((await own.models.list()).data.map(({ id }) => id).toSorted()).toEqual(['gpt-4o-mini', 'o1'])
  })

  test.each([
    ['another model', { model: 'gpt-4o' }, 404, 'o1, gpt-4o-mini'],
    ['another model in a list', { models: ['o1', 'gpt-4o'] }, 404, 'o1, gpt-4o-mini'],
    ['several answers', { n: 2 }, 400, '"n"'],
    ['an odd number of answers', { n: '128' }, 400, '"n"'],
    ['several answers to choose from', { best_of: 5 }, 400, '"best_of"'],
    ['a longer answer', { max_tokens: 1001 }, 400, '"max_tokens"'],
    ['a longer answer by the newer name', { max_completion_tokens: 1e9 }, 400, '"max_completion_tokens"'],
  ])('is refused %s', async (_what, extra, status, words) => {
    const refused = own.chat.completions.create({ model: 'default', messages, ...(extra as object) })
    await expect(refused).rejects.toMatchObject({ status, message: expect.stringContaining(words) })
    expect(seen).toEqual([])
  })

  test('gets answers of bounded length in both doors, and shorter ones where it asks for them', async () => {
    await own.chat.completions.create({ model: 'default', messages })
    await own.chat.completions.create({ model: 'default', messages, n: 1, max_tokens: 10 })
    expect((await theirs.post({ message: 'Hi' }, { apiKey })).status).toBe(200)
    expect(seen.map((request) => request.max_tokens)).toEqual([1000, 10, 1000])
  })
})

test('a project asks for anything on its own key', async () => {
  await client.chat.completions.create({ model: 'gpt-4o', messages, n: 3, max_tokens: 100_000 })
  await client.chat.completions.create({ model: 'o1', messages })
  expect(asked).toMatchObject([{ model: 'gpt-4o', n: 3, max_tokens: 100_000 }, { model: 'o1' }])
  expect(asked[1]).not.toHaveProperty('max_tokens')
})
