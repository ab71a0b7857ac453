import type { RunEvent, RunStartedData } from '@stewrd/core/runs/events.ts'
import { runs } from '@stewrd/core/runs/runs.ts'
import { expect, test } from 'vitest'
import type { Message, ToolOffer } from '../provider/answer.ts'
import type { ModelAnswer } from '../provider/model-answer.ts'
import { conversation, forAnotherModel } from './messages.ts'
import type { LoopPorts } from './run-loop.ts'
import { MOST_ROUNDS, runLoop } from './run-loop.ts'
import type { Tool } from './tool.ts'
import { ToolError } from './tool.ts'

const custom = { name: 'weather', description: 'The weather.', parameters: { type: 'object' } }
const started: RunStartedData = {
  object: 'agent.response',
  plan: 'self-hosted',
  message: 'Hi',
  files: [],
  tools: [],
  capabilities: ['chat'],
  stream: false,
  sessionId: null,
  requestDigest: null,
  provider: 'openai',
  baseUrl: 'https://api.openai.com/v1',
  model: 'gpt-4o',
  keySource: 'project',
  configRevision: 1,
  keyFingerprint: null,
  credits: 1,
  node: 'a',
  deadline: 60_000,
}
const says = (content: string): ModelAnswer => ({
  content,
  refusal: null,
  toolCalls: [],
  finishReason: 'stop',
  tokens: { input: 1, output: 1 },
  tokensEstimated: false,
  costNanoUsd: null,
  extra: null,
})
const calls = (...toolCalls: [id: string, name: string, args: string][]): ModelAnswer => ({
  ...says(''),
  toolCalls: toolCalls.map(([id, name, args]) => ({ id, name, arguments: args })),
})

/** A run in memory: the model says `answers`, one after the other, and what is recorded is decided as it is in the store. */
function bed(answers: ModelAnswer[], run: Partial<RunStartedData> = {}) {
  const events: RunEvent[] = [{ type: 'RunStarted', version: 3, data: { ...started, ...run } }]
  const asked: { messages: Message[]; offer: ToolOffer }[] = []
  const state = () => events.reduce(runs.evolve, runs.initial)
  const ports: LoopPorts = {
    runId: 'r1',
    signal: new AbortController().signal,
    now: () => 0,
    clock: () => 1_000,
    async answer(messages, offer) {
      asked.push({ messages: [...messages], offer })
      return answers.shift()!
    },
    async record(step) {
      const now = state()
      const held = {
        fence: now.status === 'none' ? 0 : now.fence,
        ...(step.type === 'CompleteRun' && { durationMs: 5 }),
      }
      const more = runs.decide({ ...step, ...held } as Parameters<typeof runs.decide>[0], now)
      events.push(...more)
      return more
    },
  }
  const go = (tools: readonly Tool[] = []) =>
    runLoop(ports, { started: { ...started, ...run }, events: [...events], history: [], tools })
  return { events, asked, state, go, types: () => events.map((e) => e.type) }
}

const reader: Tool & { seen: string[] } = {
  name: 'read_file',
  description: 'Reads.',
  parameters: { type: 'object' },
  capability: 'files',
  seen: [],
  say: ({ name }) => `Reading ${String(name)}`,
  async run({ name }, { callId }) {
    if (name === 'missing.txt') throw new ToolError('There is no missing.txt.')
    this.seen.push(callId)
    return { output: `text of ${String(name)}` }
  },
}

test('files stand after the message, each under its name, and a conversation is plain JSON', () => {
  const messages = conversation({ ...started, files: [{ name: 'a "b".txt', content: 'text' }] }, [], [])
  expect(messages[1]).toEqual({ role: 'user', content: 'Hi\n\n<file name="a \\"b\\".txt">\ntext\n</file>' })
  expect(JSON.parse(JSON.stringify(messages))).toEqual(messages)
})

test('a session comes before the message', () => {
  const messages = conversation(started, [], [{ message: 'I am Ada', answer: 'Hello Ada', files: [] }])
  expect(messages.map(({ role, content }) => [role, content]).slice(1)).toEqual([
    ['user', 'I am Ada'],
    ['assistant', 'Hello Ada'],
    ['user', 'Hi'],
  ])
})

test('a chat is one step', async () => {
  const { go, types, asked } = bed([says('Hello')])
  expect(await go()).toBe('completed')
  expect(types()).toEqual(['RunStarted', 'ModelAnswered', 'RunCompleted'])
  expect(asked[0]!.offer.tools).toEqual([])
})

test('tools are carried out, their results told in the order of the calls, and what fails is told too', async () => {
  const names = ['a.txt', 'missing.txt', 'b.txt']
  const three = calls(
    ...names.map((n, i): [string, string, string] => [`c${i}`, 'read_file', JSON.stringify({ name: n })]),
  )
  const { go, types, asked } = bed([three, says('Done')])
  expect(await go([reader])).toBe('completed')
  expect(types().filter((t) => t === 'ToolReturned')).toHaveLength(3)
  expect(asked[1]!.messages.slice(3)).toEqual([
    { role: 'tool', tool_call_id: 'c0', content: 'text of a.txt' },
    { role: 'tool', tool_call_id: 'c1', content: 'There is no missing.txt.' },
    { role: 'tool', tool_call_id: 'c2', content: 'text of b.txt' },
  ])
})

test('a run that died goes on: a finished call is not repeated, and an open one is, under the same id', async () => {
  const two = calls(['c0', 'read_file', '{"name":"a"}'], ['c1', 'read_file', '{"name":"b"}'])
  const first = bed([two, says('Done')])
  await first.go([reader])
  const done = first.events.findIndex((e) => e.type === 'ToolReturned')
  const second = bed([says('Done')])
  second.events.push(...first.events.slice(1, done + 1))
  reader.seen.length = 0
  expect(await second.go([reader])).toBe('completed')
  expect(reader.seen).toEqual(['c1'])
  expect(second.asked).toHaveLength(1)
  expect(second.asked[0]!.messages).toEqual(first.asked[1]!.messages)
})

test('calls of the client’s own tools are asked for; the model is told of what it wrote wrong, and of tools that are none', async () => {
  const { go, events, asked } = bed(
    [calls(['c0', 'weather', '{oops']), calls(['c1', 'wether', '{}']), calls(['c2', 'weather', '{"city":"Bern"}'])],
    { tools: [custom] },
  )
  expect(await go()).toBe('waiting')
  expect(asked[1]!.messages.at(-1)).toMatchObject({ role: 'tool', content: expect.stringContaining('no JSON object') })
  expect(asked[2]!.messages.at(-1)).toMatchObject({ role: 'tool', content: 'There is no tool wether.' })
  expect(events.at(-1)).toMatchObject({
    type: 'ToolOutputsRequested',
    data: { round: 1, expiresAt: 301_000, calls: [{ id: 'c2', name: 'weather', arguments: { city: 'Bern' } }] },
  })
})

test('ids that are missing or come again are made our own', async () => {
  const { go, events } = bed([calls(['', 'weather', '{}'], ['x', 'weather', '{}'], ['x', 'weather', '{}'])], {
    tools: [custom],
  })
  await go()
  const ids = events.flatMap((e) => (e.type === 'ToolOutputsRequested' ? e.data.calls.map(({ id }) => id) : []))
  expect(ids).toEqual(['call_1_1', 'x', 'call_1_3'])
})

test('after ten rounds the model must answer, and what it asks for then is no request', async () => {
  const { go, events, asked, state } = bed([], { tools: [custom] })
  const one = bed([], { tools: [custom] })
  one.events.length = 0
  for (let round = 1; round <= MOST_ROUNDS + 1; round++) {
    const next = bed([calls([`c${round}`, 'weather', '{}'])], { tools: [custom] })
    next.events.splice(0, Infinity, ...events)
    expect(await next.go()).toBe(round <= MOST_ROUNDS ? 'waiting' : 'completed')
    events.splice(0, Infinity, ...next.events)
    asked.push(...next.asked)
    const now = state()
    if (now.status !== 'waiting') break
    const outputs = [{ callId: `c${round}`, output: 'sunny' }]
    const { provider, baseUrl, model, keySource, configRevision, keyFingerprint } = started
    const config = { provider, baseUrl, model, keySource, configRevision, keyFingerprint }
    const submit = { type: 'SubmitToolOutputs', config, outputs, node: 'b', at: 1_000, deadline: 1 } as const
    events.push(...runs.decide(submit, now))
  }
  expect(asked.map(({ offer }) => offer.choice)).toEqual([...Array<string>(MOST_ROUNDS).fill('auto'), 'none'])
  expect(state()).toMatchObject({ status: 'completed', rounds: MOST_ROUNDS })
  expect(events.at(-1)).toMatchObject({ data: { message: expect.stringContaining('asked for tools again') } })
  expect(go).toBeTypeOf('function')
})

test('a model whose calls cannot be carried out is told so twice, and given up with the reason', async () => {
  const cut = { ...calls(['c', 'weather', '{"city":"Be']), finishReason: 'length' }
  const { go, asked, types } = bed([cut, cut, cut, cut], { tools: [custom] })
  await expect(go()).rejects.toMatchObject({
    name: 'ProviderError',
    code: 'compute_error',
    message: expect.stringMatching(/arguments that cannot be read, 3 times in a row\. .*cut off/) as string,
  })
  expect(asked).toHaveLength(3)
  expect(types()).not.toContain('RunCompleted')
  const unknown = bed(
    Array.from({ length: 4 }, () => calls(['c', 'wether', '{}'])),
    { tools: [custom] },
  )
  await expect(unknown.go()).rejects.toMatchObject({
    message: expect.stringContaining('tools that there are not') as string,
  })
  const helped = bed([cut, cut, calls(['c', 'weather', '{}'])], { tools: [custom] })
  expect(await helped.go()).toBe('waiting')
})

test('arguments that are encoded twice are read, and go back as they should have been', async () => {
  const { go, asked, events } = bed([calls(['c0', 'read_file', JSON.stringify('{"name":"a"}')]), says('Done')])
  await go([reader])
  expect(events.find((e) => e.type === 'ToolReturned')).toMatchObject({ data: { output: 'text of a', failed: false } })
  expect(asked[1]!.messages.at(-2)).toMatchObject({ tool_calls: [{ function: { arguments: '{"name":"a"}' } }] })
})

test('what a model gave beside its calls goes back with their results, and never to another model', async () => {
  const extra = { reasoning_content: 'Hm.', reasoning_details: [{ type: 'reasoning.encrypted', data: 'sealed' }] }
  const signed = { extra_content: { google: { thought_signature: 's' } }, function: { signature: 't' } }
  const first = { ...calls(['c0', 'read_file', '{"name":"a"}']), extra }
  first.toolCalls[0]!.extra = signed
  const { go, asked, events } = bed([first, says('Done')])
  await go([reader])
  const call = { id: 'c0', type: 'function', function: { name: 'read_file', arguments: '{"name":"a"}' } }
  const back = {
    role: 'assistant',
    content: '',
    ...extra,
    tool_calls: [{ ...call, ...signed, function: { ...call.function, signature: 't' } }],
  }
  expect(asked[1]!.messages.at(-2)).toEqual(back)
  const { provider, baseUrl, keySource, configRevision, keyFingerprint } = started
  const config = { provider, baseUrl, model: 'o1', keySource, configRevision, keyFingerprint }
  const moved = [...events.slice(1), { type: 'RunReconfigured', version: 1, data: config } as RunEvent]
  const plain = { role: 'assistant', content: '', tool_calls: [call] }
  expect(conversation(started, moved, []).at(-2)).toEqual(plain)
  expect(forAnotherModel([back as Message])).toEqual([plain])
})
