import { randomUUID } from 'node:crypto'
import type { Reply, UpstreamRequest } from '@stewrd/runtime/testing/upstream.ts'
import { afterAll, beforeAll, expect } from 'vitest'
import type { ServerProcess } from '../../testing/server-process.ts'
import type { Bed, Project } from './testing/bed.ts'
import { openBed } from './testing/bed.ts'
import { pythonAnswer } from './testing/clients.ts'
import { conforms, conformsOnBoth } from './testing/conform.ts'

let bed: Bed
let second: ServerProcess
beforeAll(async () => {
  bed = await openBed({ variables: { STEWRD_METERING: 'on' } })
  second = await bed.another()
}, 60_000)
afterAll(() => bed?.close())
const theBed = () => bed

const tool = { name: 'weather', description: 'The weather of a city.', parameters: { type: 'object' } }
const calls = (...ids: string[]): Reply => ({
  content: 'Let me see.',
  toolCalls: ids.map((id) => ({ id, name: 'weather', arguments: '{"city":"Bern"}' })),
})
const isResult = ({ messages = [] }: UpstreamRequest) => messages.at(-1)!.role === 'tool'
const lastResult = ({ messages = [] }: UpstreamRequest) => messages.at(-1)!.content
type Body = {
  id: string
  status: string
  message: string
  tool_calls: { id: string }[]
  _compute_instance: string
  usage: { credits_remaining: number; credits_this_request: number }
  error?: { code: string }
}
const bodyOf = async (response: Promise<Response>) => (await (await response).json()) as Body
const begin = ({ apiKey }: Pick<Project, 'apiKey'>) =>
  bodyOf(bed.call('POST', '/v1/agent', { message: 'Weather?', tools: [tool], stream: false }, { apiKey }))
const output = (id: string, text = 'sunny') => ({ tool_call_id: id, output: text })
type Where = Pick<Project, 'apiKey'> & { to?: ServerProcess }
const send = (id: string, body: unknown, where: Where) => bed.call('POST', `/v1/agent/${id}/tool-outputs`, body, where)
const submit = (id: string, list: unknown, where: Where) => send(id, { tool_outputs: list }, where)
const codeOf = async (response: Promise<Response>) => {
  const answer = await response
  return [answer.status, ((await answer.json()) as Body).error?.code ?? 'none']
}

conformsOnBoth('tools: malformed, unknown, doubled and missing outputs', theBed, async (side) => {
  side.model.reply((request) => (isResult(request) ? { content: 'Done.' } : calls('c1', 'c2')))
  const { id } = await begin(side)
  const both = [output('c1'), output('c2')]
  const wrong: unknown[] = [
    [],
    'none',
    null,
    {},
    [null],
    ['c1'],
    [output('c1')],
    [...both, output('c3')],
    [output('c1'), output('c1'), output('c2')],
    [{ tool_call_id: 'c1' }, output('c2')],
    [{ output: 'x' }, output('c2')],
    [{ tool_call_id: 1, output: 'x' }, output('c2')],
    [{ tool_call_id: 'c1', output: { a: 1 } }, output('c2')],
    [{ tool_call_id: 'c1', output: null }, output('c2')],
  ]
  for (const list of wrong) {
    const got = await codeOf(submit(id, list, side))
    expect([list, ...got]).toEqual([list, 400, 'invalid_tool_outputs'])
  }
  for (const body of [{}, [], { outputs: both }])
    expect(await codeOf(send(id, body, side))).toEqual([400, 'invalid_tool_outputs'])
  expect(await codeOf(send(id, '{"tool_outputs":[', side))).toEqual([400, 'invalid_body'])
  expect(await bodyOf(submit(id, both, side))).toMatchObject({ id, status: 'completed', message: 'Done.' })
})

conformsOnBoth('tools: an output of 100 KB passes, a larger one does not', theBed, async (side) => {
  side.model.reply((request) => (isResult(request) ? { content: 'Done.' } : calls('c1')))
  const { id } = await begin(side)
  const larger = ['x'.repeat(100 * 1024 + 1), 'ä'.repeat(50 * 1024 + 1)]
  for (const text of larger)
    expect(await codeOf(submit(id, [output('c1', text)], side))).toEqual([400, 'tool_output_too_large'])
  const largest = 'x'.repeat(100 * 1024)
  expect(await bodyOf(submit(id, [output('c1', largest)], side))).toMatchObject({ id, status: 'completed' })
  expect(lastResult(side.model.asked()!)).toHaveLength(largest.length)
})

conformsOnBoth(
  'tools: ten rounds at most, then an answer',
  theBed,
  async (side) => {
    side.model.reply((request) => (request.tool_choice === 'none' ? { content: 'Enough.' } : calls(randomUUID())))
    let answer = await begin(side)
    const { id } = answer
    let rounds = 0
    for (; answer.status === 'requires_tool_outputs'; rounds++) {
      expect(rounds).toBeLessThan(10)
      const list = answer.tool_calls.map((call) => output(call.id))
      answer = await bodyOf(submit(id, list, side))
    }
    expect([rounds, answer.id, answer.message]).toEqual([10, id, 'Enough.'])
  },
  30_000,
)

conformsOnBoth('tools: outputs cost no credits, and every answer of a run has the same id', theBed, async (side) => {
  let round = 0
  side.model.reply(() => (++round < 3 ? calls(`c${round}`) : { content: 'Done.' }))
  const first = await begin(side)
  const second = await bodyOf(submit(first.id, [output('c1')], side))
  const third = await bodyOf(submit(second.id, [output('c2')], side))
  expect([first, second, third].map((answer) => answer.status)).toEqual([
    'requires_tool_outputs',
    'requires_tool_outputs',
    'completed',
  ])
  expect(new Set([first, second, third].map(({ id }) => id)).size).toBe(1)
  const left = first.usage.credits_remaining
  for (const { usage } of [second, third]) expect(usage).toMatchObject({ credits_remaining: left })
  for (const answer of [first, second, third]) expect(pythonAnswer(answer).id).toBe(first.id)
})

conformsOnBoth('tools: any node continues a run, and _compute_instance is ignored', theBed, async (side) => {
  side.model.reply((request) => (isResult(request) ? { content: `It is ${lastResult(request)}.` } : calls('c1')))
  for (const instance of [undefined, 'somewhere-else', null, 5]) {
    const paused = await begin(side)
    const body = { tool_outputs: [output('c1')], _compute_instance: instance }
    const done = await bodyOf(send(paused.id, body, { ...side, to: second }))
    expect(done).toMatchObject({ id: paused.id, status: 'completed', message: 'It is sunny.' })
    expect(done._compute_instance).not.toBe(paused._compute_instance)
  }
})

conformsOnBoth('tools: arguments are parsed, and a model that writes no JSON is told so', theBed, async (side) => {
  const texts = ['{"city":', '[1]', '"Bern"', '']
  for (const text of texts) {
    const call = (args: string) => ({ toolCalls: [{ id: 'c1', name: 'weather', arguments: args }] })
    side.model.reply((request) => call(isResult(request) ? '{"city":"Bern"}' : text))
    const { status, tool_calls: asked } = await begin(side)
    // Without arguments is with none.
    const expected = text === '' ? {} : { city: 'Bern' }
    expect([text, status, asked]).toMatchObject([text, 'requires_tool_outputs', [{ arguments: expected }]])
  }
})

conforms(
  'tools: five minutes between submissions',
  async () => {
    bed.calm()
    const side = bed.sides.double
    side.model.reply((request) => (isResult(request) ? { content: 'Done.' } : calls('c1')))
    const [before, after] = [await begin(side), await begin(side)]
    await bed.moveTime(4 * 60)
    expect(await bodyOf(submit(before.id, [output('c1')], side))).toMatchObject({ status: 'completed' })
    await bed.moveTime(5 * 60 + 5)
    expect(await codeOf(submit(after.id, [output('c1')], side))).toEqual([404, 'context_expired'])
    await bed.moveTime(0)
  },
  60_000,
)
