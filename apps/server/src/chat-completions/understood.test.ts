import { runStream } from '@stewrd/core/runs/runs.ts'
import { llm, llmStream } from '@stewrd/core/llm/llm.ts'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { Bed } from '../runs/v1.testing.ts'
import { keyA, openBed } from '../runs/v1.testing.ts'
import type { Door } from './understood.testing.ts'
import { askDoor, chunk, error, places, spellings, sse, tool, whole } from './understood.testing.ts'

// A file of its own: its server has limits that others do not.
const LIMIT_MB = 2
let bed: Bed
beforeAll(async () => {
  bed = await openBed({ variables: { STEWRD_ANSWER_LIMIT_MB: `${LIMIT_MB}`, STEWRD_RUN_LIMIT_SECONDS: '30' } })
})
afterAll(() => bed?.close())
afterEach(() => bed.upstream.raw(undefined))

const ask = (door: Door, stream: boolean, reply?: Parameters<typeof askDoor>[1]['reply'], more: object = {}) =>
  askDoor(bed, { door, stream, reply, more })

const both = [
  ['chat', false],
  ['chat', true],
  ['agent', false],
  ['agent', true],
] as const

describe.each(both)('in the door %s, streamed: %s', (door, streamed) => {
  test('an answer larger than the limit is one error that says so, recorded as failed', async () => {
    const piece = 'x '.repeat(300_000)
    const pieces = Array.from({ length: 5 }, () => chunk({ content: piece }))
    const large = streamed ? sse(...pieces, chunk({}, 'stop'), '[DONE]') : whole({ content: piece.repeat(5) })
    const { text, run } = await ask(door, streamed, large)
    expect(text.match(/larger than 2 MB/g)).toHaveLength(1)
    expect(text).not.toContain('[DONE]')
    expect(run).toMatchObject({
      status: 'failed',
      error: { message: expect.stringContaining('STEWRD_ANSWER_LIMIT_MB') as string },
    })
  })

  test('an error in the place of an answer is one error with its reason and status, recorded as failed', async () => {
    const said = { error: { code: 529, message: 'Overloaded' } }
    const { text, run } = await ask(
      door,
      streamed,
      streamed ? sse(chunk({ content: 'One' }), said, '[DONE]') : error(200, said),
    )
    expect(text.match(/Overloaded/g)).toHaveLength(1)
    expect(text).not.toContain('[DONE]')
    expect(run).toMatchObject({ status: 'failed', error: { message: 'The provider failed (HTTP 529): Overloaded' } })
  })

  test('usage that the provider does not count is estimated and marked, in the record too', async () => {
    const plain = streamed
      ? sse(chunk({ content: 'One two.' }), chunk({}, 'stop'), '[DONE]')
      : whole({ content: 'One two.' }, { usage: undefined })
    const { text, run } = await ask(door, streamed, plain, { stream_options: { include_usage: true } })
    expect(text).toContain('"estimated":true')
    expect(run).toMatchObject({
      status: 'completed',
      message: 'One two.',
      usage: { estimated: true },
      meta: { usage_estimated: true },
    })
    expect(run.usage['tokens_used']).toBeGreaterThan(4)
  })

  test('a refusal is told', async () => {
    const refusal = 'I can not help with that.'
    const { text, run } = await ask(
      door,
      streamed,
      streamed ? sse(chunk({ refusal }), chunk({}, 'stop'), '[DONE]') : whole({ content: null, refusal }),
    )
    expect(text).toContain(refusal)
    expect(run).toMatchObject({ status: 'completed', message: refusal, refusal, meta: { finish_reason: 'stop' } })
  })
})

test('an agent tells how the answer of its model was cut', async () => {
  const { run } = await ask('agent', true, sse(chunk({ content: 'One' }), chunk({}, 'length'), '[DONE]'))
  expect(run).toMatchObject({ message: 'One', meta: { finish_reason: 'length' } })
})

test('large numbers in the arguments of a client’s own tools stay exact', async () => {
  const call = {
    id: 'c1',
    type: 'function',
    function: { name: 'lookup', arguments: '{"n":12345678901234567890,"x":1.0}' },
  }
  const { text } = await ask('agent', false, whole({ content: null, tool_calls: [call] }), { tools: [tool] })
  expect(text).toContain('"arguments":{"n":12345678901234567890,"x":1.0}')
})

describe('a refusal that is no verdict on the key', () => {
  const kept = async () => {
    const { accountId, store } = bed.tested.platform
    const { projectId } = bed.project
    return (await store.head(llm, { accountId, projectId, stream: llmStream(projectId) })).revision
  }
  test.each([
    ['moderation', error(403, { error: { message: 'Input flagged by moderation', code: 403 } }), 403],
    ['a firewall', error(403, '<html>Attention Required!</html>'), 403],
    ['too large a request', error(413, { error: 'Request Entity Too Large' }), 413],
  ])('%s is the fault of the request', async (_name, reply, status) => {
    const before = await kept()
    const chat = await ask('chat', false, reply)
    expect([chat.status, chat.text.includes('key')]).toEqual([status, false])
    expect((await ask('agent', false, reply)).text).not.toContain('key')
    expect(await kept()).toBe(before)
    const { health } = await bed.server.client.llm.current.query({ projectId: bed.project.projectId })
    expect(health?.status).not.toBe('rejected')
  })
})

describe('a provider that limits the rate', () => {
  const limited = (headers: Record<string, string>) => error(429, { error: { message: 'Slow down' } }, headers)
  const calls = () => bed.upstream.seen.filter(({ path }) => path.endsWith('/completions')).length
  test('is not called before the time that it tells, which the client is told in seconds', async () => {
    for (const wait of ['20', new Date(Date.now() + 20_000).toUTCString()]) {
      for (const door of ['chat', 'agent'] as const) {
        const before = calls()
        const { headers } = await ask(door, false, limited({ 'retry-after': wait }))
        expect(calls() - before).toBe(1)
        expect(Number(headers.get('retry-after'))).toBeGreaterThan(10)
      }
    }
  })

  test('is called three times at most, and then OpenAI’s clients are told not to try again', async () => {
    const before = calls()
    const { status, headers } = await ask('chat', false, limited({ 'retry-after-ms': '20' }))
    expect([status, headers.get('x-should-retry'), calls() - before]).toEqual([429, 'false', 3])
  })
})

test('stream_options is ours: a provider that refuses it is asked once more without it, but not where the client asked for it', async () => {
  bed.upstream.raw((request) =>
    'stream_options' in request
      ? error(422, { detail: [{ loc: ['body', 'stream_options'], msg: 'Extra inputs are not permitted' }] })
      : sse(chunk({ content: 'One' }, 'stop'), '[DONE]'),
  )
  expect((await ask('chat', true)).text).toContain('"content":"One"')
  expect((await ask('agent', true)).run).toMatchObject({ status: 'completed', message: 'One' })
  expect((await ask('chat', true, undefined, { stream_options: { include_usage: true } })).text).toContain(
    'stream_options',
  )
})

describe('the provider key', () => {
  /** Parts of the key, or of its spelling, that stand in a text: twelve characters of the key, or what about as many become. */
  const leaks = (text: string, spelled: string) =>
    [...partsOf(keyA, 12), ...partsOf(spelled, 24)].filter((part) =>
      [part, JSON.stringify(part).slice(1, -1)].some((form) => text.includes(form)),
    )
  const partsOf = (source: string, length: number) =>
    Array.from({ length: Math.max(0, source.length - length + 1) }, (_, at) => source.slice(at, at + length)).filter(
      (part) => new Set(part).size > 5,
    )

  test.each(Object.keys(places))(
    'in %s, in any spelling, reaches no client, record or log',
    async (place) => {
      for (const [name, spelled] of Object.entries(spellings))
        for (const door of ['chat', 'agent'] as const) {
          const reply = places[place]!(spelled)
          const stream = reply.headers?.['content-type'] === 'text/event-stream'
          const more = door === 'agent' && !stream ? { tools: [tool] } : {}
          const { text, headers, run } = await ask(door, stream, reply, more)
          for (const told of [text, JSON.stringify([...headers]), JSON.stringify(run), textOf(text)])
            expect(leaks(told, spelled), `${name}: ${told.slice(0, 400)}`).toEqual([])
        }
      expect(bed.server.logs.join('')).not.toContain('SENTINEL')
      expect(await recorded()).not.toContain('SENTINEL')
    },
    120_000,
  )

  test('in a list of models, in any spelling, reaches no client', async () => {
    const models = Object.values(spellings).map((id) => ({ id: id.slice(0, 150), owned_by: id }))
    const list = { chunks: [JSON.stringify({ data: [{ id: 'gpt-4o' }, ...models] })] }
    bed.upstream.raw((_, path) => (path.endsWith('/models') ? list : undefined))
    const authorization = `Bearer ${bed.project.apiKey}`
    const text = await (await fetch(`${bed.server.url}/v1/models`, { headers: { authorization } })).text()
    expect(text).toContain('gpt-4o')
    for (const spelled of Object.values(spellings)) expect(leaks(text, spelled)).toEqual([])
  })

  /** What a client puts together of a stream. */
  const textOf = (text: string) => [...text.matchAll(/"content":"((?:[^"\\]|\\.)*)"/g)].map(([, part]) => part).join('')

  async function recorded(): Promise<string> {
    const { accountId, store, views } = bed.tested.platform
    const { projectId } = bed.project
    const { rows } = await views.list<{ runId: string }>('runs', accountId, { limit: 40 })
    const streams = rows.map(({ runId }) => store.read({ accountId, projectId, stream: runStream(runId) }))
    const events = (await Promise.all(streams)).flat()
    expect(events.length).toBeGreaterThan(0)
    return JSON.stringify(events)
  }
})
