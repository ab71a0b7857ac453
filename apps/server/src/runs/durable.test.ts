import { randomUUID } from 'node:crypto'
import type { Reply, UpstreamRequest } from '@stewrd/runtime/testing/upstream.ts'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import type { Answer, Bed } from './v1.testing.ts'
import { answered, frames, openBed } from './v1.testing.ts'

let bed: Bed
beforeAll(async () => {
  bed = await openBed()
})
afterAll(() => bed?.close())
afterEach(() => {
  bed.upstream.reply(undefined)
  bed.upstream.fail(undefined)
  bed.upstream.release()
})

const weather = { name: 'weather', description: 'The weather of a city.', parameters: { type: 'object' } }
const asksFor = (id: string, args = '{"city":"Bern"}'): Reply => ({
  content: 'Let me see.',
  toolCalls: [{ id, name: 'weather', arguments: args }],
})
const call = (method: string, path: string, body?: unknown, headers: Record<string, string> = {}) =>
  fetch(`${bed.server.url}/v1/agent/${path}`, {
    method,
    headers: {
      authorization: `Bearer ${bed.project.apiKey}`,
      ...(body !== undefined && { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  })
const outputs = (id: string, list: unknown) => call('POST', `${id}/tool-outputs`, { tool_outputs: list })

describe('custom tools', () => {
  test('pause a run, and their outputs go on with it under the same id, as plain JSON', async () => {
    bed.upstream.reply(({ messages = [] }) =>
      messages.at(-1)!.role === 'tool' ? { content: `It is ${messages.at(-1)!.content}.` } : asksFor('call_1'),
    )
    const response = await bed.post({ message: 'Weather?', tools: [weather], stream: true })
    expect(response.headers.get('content-type')).toMatch(/^application\/json/)
    const paused = (await response.json()) as Answer
    expect(paused).toMatchObject({
      status: 'requires_tool_outputs',
      message: 'Let me see.',
      capabilities_used: ['chat'],
      tool_calls: [{ id: 'call_1', name: 'weather', arguments: { city: 'Bern' } }],
      meta: { duration_ms: expect.toSatisfy((ms: number) => ms > 0) },
    })
    const done = await answered(outputs(paused.id, [{ tool_call_id: 'call_1', output: 'sunny' }]))
    expect(done).toMatchObject({ id: paused.id, status: 'completed', message: 'It is sunny.', tool_calls: [] })
    const again = await outputs(paused.id, [{ tool_call_id: 'call_1', output: 'sunny' }])
    expect([again.status, await again.json()]).toMatchObject([404, { error: { code: 'context_expired' } }])
  })

  test('that are wrong, too large or of somebody else are refused by their codes, and the run still waits', async () => {
    bed.upstream.reply(({ messages = [] }) => (messages.at(-1)!.role === 'tool' ? { content: 'ok' } : asksFor('c1')))
    const { id } = await answered(bed.post({ message: 'Weather?', tools: [weather] }))
    const good = { tool_call_id: 'c1', output: 'sunny' }
    const wrong: [unknown, number, string][] = [
      [[], 400, 'invalid_tool_outputs'],
      ['none', 400, 'invalid_tool_outputs'],
      [[{ ...good, output: 5 }], 400, 'invalid_tool_outputs'],
      [[{ output: 'x' }], 400, 'invalid_tool_outputs'],
      [[good, good], 400, 'invalid_tool_outputs'],
      [[{ ...good, tool_call_id: 'c2' }], 400, 'invalid_tool_outputs'],
      [[{ ...good, output: 'ä'.repeat(51_201) }], 400, 'tool_output_too_large'],
    ]
    for (const [list, status, code] of wrong) {
      const response = await outputs(id, list)
      expect([response.status, await response.json()]).toMatchObject([status, { error: { code } }])
    }
    const other = await bed.newProject()
    const theirs = await call(
      'POST',
      `${id}/tool-outputs`,
      { tool_outputs: [good] },
      {
        authorization: `Bearer ${other.apiKey}`,
      },
    )
    expect([theirs.status, await theirs.json()]).toMatchObject([404, { error: { code: 'context_expired' } }])
    expect((await outputs(randomUUID(), [good])).status).toBe(404)
    expect(await answered(call('GET', id))).toMatchObject({ status: 'requires_tool_outputs' })
    expect(await answered(outputs(id, [good]))).toMatchObject({ id, status: 'completed' })
  })

  test('go round ten times; then the model must answer', async () => {
    const seen: UpstreamRequest[] = []
    bed.upstream.reply((request) => {
      seen.push(request)
      return request.tool_choice === 'none' ? { content: 'Enough.' } : asksFor('same')
    })
    let answer = await answered(bed.post({ message: 'Weather?', tools: [weather] }))
    const { id } = answer
    for (let round = 1; answer.status === 'requires_tool_outputs'; round++) {
      expect(round).toBeLessThanOrEqual(10)
      const list = answer.tool_calls.map((c) => ({ tool_call_id: c.id, output: 'sunny' }))
      answer = await answered(outputs(id, list))
    }
    expect(answer).toMatchObject({ id, status: 'completed', message: 'Enough.' })
    expect(seen).toHaveLength(11)
  })

  test('whose arguments are no JSON are mended by the model itself', async () => {
    bed.upstream.reply(({ messages = [] }) =>
      asksFor('c', messages.at(-1)!.role === 'tool' ? '{"city":"Bern"}' : '{city'),
    )
    const paused = await answered(bed.post({ message: 'Weather?', tools: [weather] }))
    expect(paused.tool_calls).toMatchObject([{ arguments: { city: 'Bern' } }])
  })

  test('outputs come to a run whose key was rotated: it goes on with the new one, and says so', async () => {
    bed.upstream.reply(({ messages = [] }) => (messages.at(-1)!.role === 'tool' ? { content: 'ok' } : asksFor('c1')))
    const own = await bed.newProject()
    const paused = await answered(bed.post({ message: 'Weather?', tools: [weather] }, own))
    await bed.setKey(own.projectId, 'sk-SENTINEL-bbbbbbbbbbbbbbbb')
    bed.upstream.seen.length = 0
    const headers = { authorization: `Bearer ${own.apiKey}` }
    const list = [{ tool_call_id: 'c1', output: 'sunny' }]
    const done = await answered(call('POST', `${paused.id}/tool-outputs`, { tool_outputs: list }, headers))
    expect(done.meta).toMatchObject({ config_revision: 2 })
    expect(done.meta['key_fingerprint']).not.toBe(paused.meta['key_fingerprint'])
    expect(bed.upstream.seen.map(({ key }) => key)).toEqual(['sk-SENTINEL-bbbbbbbbbbbbbbbb'])
  })
})

describe('an idempotency key', () => {
  const post = (key: string, body: unknown) => bed.post(body, { headers: { 'idempotency-key': key } })

  test('gives the same run and answer for the same request, also at the same moment, and 409 for another', async () => {
    const key = randomUUID()
    bed.upstream.seen.length = 0
    const both = await Promise.all([1, 2, 3].map(() => answered(post(key, { message: 'once' }))))
    both.push(await answered(post(key, { message: 'once' })))
    expect(new Set(both.map(({ id }) => id)).size).toBe(1)
    expect(both.every(({ status, message }) => status === 'completed' && message === both[0]!.message)).toBe(true)
    expect(bed.upstream.seen).toHaveLength(1)
    const other = await post(key, { message: 'twice' })
    expect([other.status, await other.json()]).toMatchObject([409, { error: { code: 'idempotency_conflict' } }])
    expect((await post('not printable ü', { message: 'x' }).catch(() => ({ status: 400 }))).status).toBe(400)
  })

  test('of another project stands for another run, and a streamed one is streamed again', async () => {
    const key = randomUUID()
    const mine = await answered(post(key, { message: 'once' }))
    const own = await bed.newProject()
    const theirs = await answered(bed.post({ message: 'once' }, { ...own, headers: { 'idempotency-key': key } }))
    expect(theirs.id).not.toBe(mine.id)
    const again = randomUUID()
    const [first, second] = [
      frames(await (await post(again, { message: 'once', stream: true })).text()),
      frames(await (await post(again, { message: 'once', stream: true })).text()),
    ]
    const textOf = (list: typeof first) =>
      list
        .filter((f) => f.event === 'token')
        .map((f) => f.data.text)
        .join('')
    expect(textOf(second)).toBe(textOf(first))
    expect(second.at(-1)!.data.id).toBe(first.at(-1)!.data.id)
  })
})

describe('a client that asks for it', () => {
  test('is told that a run is under way, and finds its result later', async () => {
    bed.upstream.hold()
    const response = await bed.post({ message: 'slow' }, { headers: { prefer: 'respond-async, wait=0' } })
    const { id, status } = (await response.json()) as Answer
    expect([response.status, status, response.headers.get('location')]).toEqual([202, 'in_progress', `/v1/agent/${id}`])
    bed.upstream.release()
    await vi.waitFor(async () => expect(await answered(call('GET', id))).toMatchObject({ status: 'completed' }), 10_000)
  })

  test('stops its run, which then has no other end', async () => {
    bed.upstream.hold()
    const pending = bed.post({ message: 'slow' })
    await vi.waitFor(() => expect(bed.upstream.seen.at(-1)?.path).toContain('chat'), 10_000)
    const id = (await bed.post({ message: 'slow' }, { headers: { prefer: 'respond-async, wait=0' } })).headers
      .get('location')!
      .slice('/v1/agent/'.length)
    expect(await answered(call('DELETE', id))).toMatchObject({ id, status: 'cancelled' })
    expect(await answered(call('DELETE', id))).toMatchObject({ id, status: 'cancelled' })
    bed.upstream.release()
    expect((await pending).status).toBe(200)
    expect(await answered(call('GET', id))).toMatchObject({ status: 'cancelled', message: '' })
  })
})

describe('a stream', () => {
  const read = async (id: string, lastEventId?: string) =>
    frames(
      await (await call('GET', `${id}/stream`, undefined, lastEventId ? { 'last-event-id': lastEventId } : {})).text(),
    )
  const textOf = (list: ReturnType<typeof frames>) =>
    list
      .filter((f) => f.event === 'token')
      .map((f) => f.data.text)
      .join('')

  test('is taken up after any of its events, with nothing lost or doubled', async () => {
    const whole = frames(await (await bed.post({ message: 'Hi', stream: true })).text())
    const tokens = whole.filter((f) => f.event === 'token')
    expect(tokens.length).toBeGreaterThan(2)
    const { id, message } = whole.at(-1)!.data
    expect(textOf(await read(id))).toBe(message)
    for (const [i, frame] of tokens.entries()) {
      const rest = await read(id, frame.id)
      expect(textOf(tokens.slice(0, i + 1)) + textOf(rest)).toBe(message)
      expect(rest.filter((f) => f.event === 'done')).toHaveLength(1)
    }
    expect(textOf(await read(id, 'nonsense'))).toBe(message)
  })

  test('whose step came out differently begins that step again, and says so', async () => {
    const { id, message } = await answered(bed.post({ message: 'Hi' }))
    const list = await read(id, '1.5.0.00000000')
    expect(list.map((f) => f.event)).toEqual(['restart', 'token', 'done'])
    expect(textOf(list)).toBe(message)
  })

  test('of a client that went away does not stop the run', async () => {
    bed.upstream.hold()
    const gone = new AbortController()
    const headers = { authorization: `Bearer ${bed.project.apiKey}`, 'content-type': 'application/json' }
    const key = randomUUID()
    bed.upstream.seen.length = 0
    const body = JSON.stringify({ message: 'Hi', stream: true })
    const init = { method: 'POST', headers: { ...headers, 'idempotency-key': key }, body }
    const broken = fetch(`${bed.server.url}/v1/agent`, { ...init, signal: gone.signal }).catch(() => 'gone')
    await vi.waitFor(() => expect(bed.upstream.seen).toHaveLength(1), 10_000)
    gone.abort()
    expect(await broken).toBe('gone')
    bed.upstream.release()
    const list = frames(await (await fetch(`${bed.server.url}/v1/agent`, init)).text())
    expect(list.at(-1)).toMatchObject({ event: 'done', data: { status: 'completed' } })
    expect(bed.upstream.seen).toHaveLength(1)
  })
})

test('a fault of the provider that passes is not seen by the client', async () => {
  bed.upstream.fail('server-error')
  bed.upstream.seen.length = 0
  const pending = answered(bed.post({ message: 'Hi' }))
  await vi.waitFor(() => expect(bed.upstream.seen.length).toBeGreaterThan(0), 10_000)
  bed.upstream.fail(undefined)
  expect(await pending).toMatchObject({ status: 'completed' })
  expect(bed.upstream.seen.length).toBeGreaterThan(1)
})
