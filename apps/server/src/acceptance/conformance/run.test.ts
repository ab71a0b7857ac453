import { randomUUID } from 'node:crypto'
import { RunAnswer } from '@stewrd/core/runs/wire.ts'
import { afterAll, beforeAll, expect } from 'vitest'
import type { Bed } from './testing/bed.ts'
import { openBed } from './testing/bed.ts'
import { eventsOf, nullsIn, pythonAnswer, pythonClient, typescriptClient } from './testing/clients.ts'
import { conforms, conformsOnBoth } from './testing/conform.ts'
import { GREETING } from './testing/models.ts'

let bed: Bed
beforeAll(async () => {
  bed = await openBed()
}, 60_000)
afterAll(() => bed?.close())
const theBed = () => bed

const uuid = expect.stringMatching(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/) as string
const whole = expect.any(Number) as number
const tool = { name: 'weather', description: 'The weather of a city.', parameters: { type: 'object' } }
const usage = {
  credits_this_request: 1,
  credits_remaining: 999999999,
  tokens_used: whole,
  requests_used: whole,
  requests_limit: 999999999,
}
const ours = { model: 'gpt-4o', provider: 'custom', key_source: 'project', config_revision: 1 }
const metaOf = (projectId: string) => ({
  duration_ms: whole,
  project_id: projectId,
  plan: expect.any(String) as string,
  ...ours,
  key_fingerprint: expect.stringMatching(/^fp_[0-9a-f]{16}$/) as string,
  finish_reason: expect.stringMatching(/^(stop|tool_calls)$/) as string,
})
const agent = (body: unknown, { apiKey }: { apiKey: string }, headers = {}) =>
  bed.call('POST', '/v1/agent', body, { apiKey, headers })
const json = async (response: Response) => (await response.json()) as Record<string, unknown> & RunAnswer
const stream = async (body: object, side: { apiKey: string }) => (await agent({ ...body, stream: true }, side)).text()

conformsOnBoth('answer: every field of a run that completed', theBed, async (side) => {
  const body = await json(await agent({ message: 'Hi', stream: false }, side))
  expect(body).toEqual({
    id: uuid,
    object: 'agent.response',
    status: 'completed',
    message: GREETING,
    tool_calls: [],
    capabilities_used: ['chat'],
    files: [],
    usage,
    meta: metaOf(side.projectId),
    _compute_instance: expect.any(String) as string,
  })
  // The schema tells every field: one that it has besides is optional, and has no place here.
  const optional = ['session_id', 'error', 'refusal']
  expect(Object.keys(RunAnswer.shape).toSorted()).toEqual([...Object.keys(body), ...optional].toSorted())
})

conformsOnBoth('answer: every field of a run that waits for outputs', theBed, async (side) => {
  side.model.reply(() => ({
    content: 'Let me see.',
    toolCalls: [{ id: 'call_1', name: 'weather', arguments: '{"city":"Bern","days":3}' }],
  }))
  const body = await json(await agent({ message: 'Weather?', tools: [tool], stream: false }, side))
  expect(body).toMatchObject({
    id: uuid,
    object: 'agent.response',
    status: 'requires_tool_outputs',
    message: 'Let me see.',
    tool_calls: [{ id: 'call_1', name: 'weather', arguments: { city: 'Bern', days: 3 } }],
    capabilities_used: ['chat'],
    files: [],
    usage,
    meta: metaOf(side.projectId),
  })
})

conformsOnBoth('answer: both generations of counters are integers', theBed, async (side) => {
  const body = await json(await agent({ message: 'Hi', stream: false }, side))
  expect(Object.keys(body.usage).toSorted()).toEqual(Object.keys(usage).toSorted())
  for (const value of Object.values(body.usage)) expect(Number.isSafeInteger(value)).toBe(true)
  expect(body.usage.tokens_used).toBeGreaterThan(0)
  expect(Number.isSafeInteger(body.meta.duration_ms)).toBe(true)
})

conformsOnBoth('credits: without metering the counters say 999999999', theBed, async (side) => {
  const { usage: now } = await json(await agent({ message: 'Hi', capabilities: ['chat'], stream: false }, side))
  expect(now).toMatchObject({ credits_this_request: 1, credits_remaining: 999999999, requests_limit: 999999999 })
})

conformsOnBoth('answer: never null, on any status', theBed, async (side) => {
  const completed = await json(await agent({ message: 'Hi', stream: false }, side))
  side.model.reply(() => ({ toolCalls: [{ id: 'c', name: 'weather', arguments: '{}' }] }))
  const waiting = await json(await agent({ message: 'Hi', tools: [tool], stream: false }, side))
  const stopped = await json(await bed.call('DELETE', `/v1/agent/${waiting.id}`, undefined, side))
  side.model.fail('not-found')
  const key = randomUUID()
  const refused = await agent({ message: 'Hi', stream: false }, side, { 'idempotency-key': key })
  const failed = await json(await bed.call('GET', `/v1/agent/${refused.headers.get('x-stewrd-run')}`, undefined, side))
  const statuses = ['completed', 'requires_tool_outputs', 'cancelled', 'failed']
  expect([completed, waiting, stopped, failed].map(({ status }) => status)).toEqual(statuses)
  for (const answer of [completed, waiting, stopped, failed, await json(refused)]) expect(nullsIn(answer)).toEqual([])
  for (const answer of [completed, waiting, stopped, failed]) expect(() => pythonAnswer(answer)).not.toThrow()
})

conformsOnBoth('answer: ours in meta', theBed, async (side) => {
  const { meta } = await json(await agent({ message: 'Hi', stream: false }, side))
  expect(meta).toMatchObject(ours)
})

conformsOnBoth('stream: LF only, one line of JSON a frame', theBed, async (side) => {
  side.model.reply(() => ({ content: 'one\r\ntwo\nthree  four' }))
  const text = await stream({ message: 'Hi' }, side)
  expect(text).not.toContain('\r')
  expect(text.endsWith('\n\n')).toBe(true)
  for (const frame of text.split('\n\n').filter(Boolean)) {
    const lines = frame.split('\n').filter((line) => !line.startsWith('id:') && !line.startsWith(':'))
    expect(lines.map((line) => line.slice(0, line.indexOf(':')))).toEqual(['event', 'data'])
    expect(() => JSON.parse(lines[1]!.slice('data:'.length)) as unknown).not.toThrow()
  }
  expect(pythonClient(text).text).toBe('one\r\ntwo\nthree  four')
})

conformsOnBoth('stream: token has text and content', theBed, async (side) => {
  const tokens = eventsOf(await stream({ message: 'Hi' }, side)).filter(({ event }) => event === 'token')
  expect(tokens.length).toBeGreaterThan(1)
  for (const { data } of tokens) expect(data).toEqual({ text: data['content'], content: expect.any(String) as string })
})

conformsOnBoth(
  'stream: done has the whole answer, its counters at top level, and the answer once more',
  theBed,
  async (side) => {
    const response = await agent({ message: 'Hi', stream: true }, side)
    const { data } = eventsOf(await response.text()).at(-1)!
    const { response: again, ...flat } = data as unknown as RunAnswer & { response: RunAnswer }
    const { usage: counters, meta } = again
    expect(RunAnswer.safeParse(again).success).toBe(true)
    const { duration_ms, project_id, plan } = meta
    const request_id = response.headers.get('x-request-id')
    expect(flat).toEqual({ ...again, ...counters, duration_ms, project_id, plan, request_id })
    expect(again).toMatchObject({ status: 'completed', message: GREETING, files: [], tool_calls: [] })
    expect(nullsIn(data)).toEqual([])
    expect(await json(await bed.call('GET', `/v1/agent/${again.id}`, undefined, side))).toEqual(again)
  },
)

conforms('stream: error is flat', async () => {
  bed.calm()
  const { double } = bed.sides
  bed.double.upstream.fail('truncate')
  const text = await stream({ message: 'Hi' }, double)
  bed.calm()
  const events = eventsOf(text)
  expect(events.at(-1)).toEqual({
    event: 'error',
    data: { code: 'compute_error', message: expect.any(String) as string },
  })
  expect(events.filter(({ event }) => event === 'done')).toEqual([])
  for (const client of [typescriptClient, pythonClient])
    expect(() => client(text)).toThrow(expect.objectContaining({ name: 'ClientError', code: 'compute_error' }) as Error)
})

conformsOnBoth('stream: an error before the first byte is plain JSON with its status', theBed, async (side) => {
  side.model.fail('not-found')
  const response = await agent({ message: 'Hi', stream: true }, side)
  expect([response.status, response.headers.get('content-type')]).toEqual([424, 'application/json; charset=utf-8'])
  expect(await response.json()).toMatchObject({ error: { code: 'model_not_found' } })
  const unread = await agent({ message: '', stream: true }, side)
  expect([unread.status, unread.headers.get('content-type')]).toEqual([400, 'application/json; charset=utf-8'])
})

conformsOnBoth('stream: exactly one end, and both clients read it', theBed, async (side) => {
  const text = await stream({ message: 'Hi' }, side)
  const events = eventsOf(text)
  expect(events.filter(({ event }) => event === 'done' || event === 'error')).toHaveLength(1)
  expect(events.at(-1)!.event).toBe('done')
  const [old, now] = [typescriptClient(text), pythonClient(text)]
  expect(old).toMatchObject({ text: GREETING, files: [], counters: { creditsUsed: 1, creditsLeft: 999999999 } })
  expect(now).toMatchObject({ ...old, toolCalls: [] })
})
