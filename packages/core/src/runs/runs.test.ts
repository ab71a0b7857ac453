import { expect, test } from 'vitest'
import { spec } from '../kernel/spec.testing.ts'
import type { ModelAnsweredData, RunEvent, RunStartedData } from './events.ts'
import type { RunRow } from './runs.projection.ts'
import { runIdOf, runsView } from './runs.projection.ts'
import { runs, runStream } from './runs.ts'

const run: RunStartedData = {
  plan: 'self-hosted',
  object: 'agent.response',
  message: 'How are you?',
  files: [{ name: 'notes.txt', content: 'hello' }],
  tools: [],
  capabilities: ['chat'],
  stream: false,
  sessionId: null,
  requestDigest: null,
  provider: 'openai',
  baseUrl: 'https://api.openai.com/v1',
  model: 'gpt-4o',
  keySource: 'project',
  configRevision: 3,
  keyFingerprint: 'fp_00000000000000aa',
  credits: 1,
  node: 'node-1',
  deadline: 60_000,
}
const { files: _, tools: __, ...remembered } = run
const answer: ModelAnsweredData = {
  step: 1,
  content: 'Well.',
  refusal: null,
  toolCalls: [],
  finishReason: 'stop',
  tokens: { input: 12, output: 5 },
  tokensEstimated: false,
  costNanoUsd: 70,
  extra: null,
  durationMs: 600,
}
const last = { ...answer, step: 2, content: 'Bye.', tokens: { input: 20, output: 2 }, costNanoUsd: 30 }
const total = { input: 32, output: 7 }
const calls = [{ id: 'c1', name: 'weather', arguments: { city: 'Bern' } }]
const calling = { ...answer, toolCalls: [{ id: 'c1', name: 'weather', arguments: '{"city":"Bern"}' }] }
const returned = { step: 1, callId: 'c1', tool: 'read', output: 'hello', failed: false, files: [], durationMs: 3 }
const begin = { callId: 'c1', tool: 'read', message: 'Reading' }
const { provider, baseUrl, model, keySource, configRevision, keyFingerprint } = run
const config = { provider, baseUrl, model, keySource, configRevision, keyFingerprint }
const nothing = { called: [], returned: [], request: null }
const started: RunEvent = { type: 'RunStarted', version: 3, data: run }
const answered: RunEvent = { type: 'ModelAnswered', version: 3, data: answer }
const answeredLast: RunEvent = { type: 'ModelAnswered', version: 3, data: last }
const calledTool: RunEvent = { type: 'ModelAnswered', version: 3, data: calling }
const toolReturned: RunEvent = { type: 'ToolReturned', version: 1, data: returned }
const requested: RunEvent = {
  type: 'ToolOutputsRequested',
  version: 1,
  data: { step: 1, round: 1, calls, expiresAt: 5_000 },
}
const outputs = [{ callId: 'c1', output: 'sunny' }]
const submitted: RunEvent = {
  type: 'ToolOutputsSubmitted',
  version: 1,
  data: { round: 1, outputs, node: 'node-2', fence: 2, deadline: 90_000 },
}
const resumed: RunEvent = { type: 'RunResumed', version: 1, data: { node: 'node-2', fence: 2 } }
const completed: RunEvent = {
  type: 'RunCompleted',
  version: 1,
  data: { message: 'Bye.', tokens: total, durationMs: 900 },
}
const failure = { code: 'compute_error', message: 'The provider broke off.', durationMs: 70 }
const failed: RunEvent = { type: 'RunFailed', version: 1, data: failure }
const cancelled: RunEvent = { type: 'RunCancelled', version: 1, data: { durationMs: 70 } }
const given = spec(runs)

test('a run starts with what it was asked and what it runs on', () =>
  given().when({ type: 'StartRun', run }).then(started))

test('a run starts once', () => given(started).when({ type: 'StartRun', run }).thenRefused('RUN_EXISTS'))

test('an answer that calls tools is recorded with what follows from it at once', () => {
  given(started)
    .when({ type: 'RecordAnswer', fence: 1, answer: calling, ...nothing, called: [begin] })
    .then(calledTool, { type: 'ToolCalled', version: 1, data: { step: 1, ...begin } })
  given(started)
    .when({ type: 'RecordAnswer', fence: 1, answer: calling, ...nothing, request: { calls, expiresAt: 5_000 } })
    .then(calledTool, requested)
  given(started)
    .when({ type: 'RecordAnswer', fence: 1, answer: calling, ...nothing, returned: [returned] })
    .then(calledTool, toolReturned)
  given(started, calledTool).when({ type: 'RecordToolReturn', fence: 1, returned }).then(toolReturned)
})

test('the last answer and the end come together, with the tokens of all answers', () =>
  given(started, answered)
    .when({ type: 'CompleteRun', fence: 1, answer: last, durationMs: 900 })
    .then(answeredLast, completed))

test('a run that fails says why', () =>
  given(started, answered)
    .when({ type: 'FailRun', fence: 1, ...failure })
    .then(failed))

test('of several nodes that go on with a run one does, and what the node before it records is refused', () => {
  given(started).when({ type: 'ResumeRun', node: 'node-2', fence: 2, config }).then(resumed)
  given(started, resumed)
    .when({ type: 'ResumeRun', node: 'node-3', fence: 2, config })
    .thenRefused('RUN_TAKEN_OVER', {})
  const old = [
    { type: 'CompleteRun', fence: 1, answer: last, durationMs: 900 },
    { type: 'FailRun', fence: 1, ...failure },
    { type: 'RecordToolReturn', fence: 1, returned },
    { type: 'RecordAnswer', fence: 1, answer, ...nothing },
  ] as const
  for (const command of old) given(started, resumed).when(command).thenRefused('RUN_TAKEN_OVER', {})
  given(started, resumed)
    .when({ type: 'FailRun', fence: 2, ...failure })
    .then(failed)
})

const submit = { type: 'SubmitToolOutputs', config, outputs, node: 'node-2', at: 5_000, deadline: 90_000 } as const
test('tool outputs go on with a run, on any node, until they are too late', () => {
  given(started, calledTool, requested).when(submit).then(submitted)
  given(started, calledTool, requested)
    .when({ ...submit, at: 5_001 })
    .thenRefused('TOOL_OUTPUTS_EXPIRED', { expiresAt: 5_000 })
  given(started, calledTool, requested, submitted).when(submit).thenRefused('RUN_NOT_WAITING', { status: 'running' })
  given(started, calledTool, requested)
    .when({ type: 'FailRun', fence: 1, ...failure })
    .thenRefused('RUN_TAKEN_OVER', {})
})

test.each([
  ['unknown', 'c2', [...outputs, { callId: 'c2', output: '' }]],
  ['doubled', 'c1', [...outputs, ...outputs]],
  ['missing', 'c1', []],
] as const)('outputs of calls that are %s are refused by their id', (because, callId, given_) =>
  given(started, calledTool, requested)
    .when({ ...submit, outputs: given_ })
    .thenRefused('TOOL_OUTPUTS_WRONG', { callId, because }),
)

test('a run that waited too long for its outputs fails; before that nothing happens', () => {
  given(started, calledTool, requested).when({ type: 'ExpireRun', at: 5_000, durationMs: 9 }).then()
  const { state } = given(started, calledTool, requested)
  expect(state).toMatchObject({ status: 'waiting', rounds: 1, pending: { callIds: ['c1'], expiresAt: 5_000 } })
  const end = runs.decide({ type: 'ExpireRun', at: 5_001, durationMs: 9 }, state)
  expect(end).toMatchObject([{ type: 'RunFailed', data: { code: 'context_expired', durationMs: 9 } }])
})

test('a run can be stopped while it runs and while it waits', () => {
  given(started).when({ type: 'CancelRun', durationMs: 70 }).then(cancelled)
  given(started, calledTool, requested).when({ type: 'CancelRun', durationMs: 70 }).then(cancelled)
})

test('a run that goes on after the configuration changed says what it runs on now', () => {
  const now = { ...config, keyFingerprint: 'fp_00000000000000bb', configRevision: 4 }
  const changed: RunEvent = { type: 'RunReconfigured', version: 1, data: now }
  given(started).when({ type: 'ResumeRun', node: 'node-2', fence: 2, config: now }).then(resumed, changed)
  given(started, calledTool, requested)
    .when({ ...submit, config: now })
    .then(submitted, changed)
  expect(given(started, resumed, changed).state).toMatchObject({ config: now, started: { configRevision: 3 } })
  expect(fold(started, resumed, changed)).toMatchObject({ keyFingerprint: 'fp_00000000000000bb', configRevision: 4 })
})

const later = [
  { type: 'RecordAnswer', fence: 1, answer, ...nothing },
  { type: 'CompleteRun', fence: 1, answer: last, durationMs: 900 },
  { type: 'FailRun', fence: 1, ...failure },
  { type: 'ResumeRun', node: 'node-2', fence: 2, config },
  { type: 'CancelRun', durationMs: 1 },
  submit,
] as const
test.each(later)('a run that never started refuses $type', (command) =>
  given().when(command).thenRefused('NOT_FOUND', { what: 'run' }),
)
test.each(later)('a run that has ended refuses $type', (command) => {
  given(started, completed).when(command).thenRefused('RUN_ENDED', { status: 'completed' })
  given(started, failed).when(command).thenRefused('RUN_ENDED', { status: 'failed' })
  given(started, cancelled).when(command).thenRefused('RUN_ENDED', { status: 'cancelled' })
})

test('the state of a run leaves the files in their event, and adds up tokens and cost', () => {
  const held = { config, node: 'node-1', fence: 1, deadline: 60_000, rounds: 0, pending: null }
  const running = { status: 'running', started: remembered, ...held, message: '', error: null, durationMs: 0 }
  expect(given(started, answered).state).toEqual({ ...running, steps: 1, tokens: answer.tokens, costNanoUsd: 70 })
  expect(given(started, answered, answeredLast, completed).state).toEqual({
    ...running,
    status: 'completed',
    steps: 2,
    tokens: total,
    costNanoUsd: 100,
    message: 'Bye.',
    durationMs: 900,
  })
  expect(given(started, failed).state).toMatchObject({
    status: 'failed',
    error: 'compute_error',
    message: failure.message,
    durationMs: 70,
  })
  expect(given(started, calledTool, requested, submitted).state).toMatchObject({
    status: 'running',
    node: 'node-2',
    fence: 2,
    deadline: 90_000,
    pending: null,
  })
})

test('events without a start fold to nothing, and never throw', () =>
  expect(given(answered, completed, failed).state).toEqual(runs.initial))

const logged = (event: RunEvent, seq: number) => ({
  event,
  seq,
  index: seq,
  at: seq * 10,
  accountId: 'acc',
  projectId: 'p',
  stream: runStream('r1'),
  eventId: `e${seq}`,
  actor: 'api-key:1',
})
const fold = (...events: RunEvent[]) =>
  events.map((e, i) => logged(e, i + 1)).reduce<RunRow | undefined>(runsView.evolve, undefined)

test('the list of runs tells what a run ran on, and nothing of what was said', () => {
  expect(runIdOf(runStream('r1'))).toBe('r1')
  expect(runsView.key(logged(started, 1))).toBe('r1')
  const row = fold(started, answered, answeredLast, completed)
  expect(row).toMatchObject({
    runId: 'r1',
    projectId: 'p',
    actor: 'api-key:1',
    status: 'completed',
    startedAt: 10,
    endedAt: 40,
    durationMs: 900,
    tokens: 39,
    keyFingerprint: 'fp_00000000000000aa',
    configRevision: 3,
    error: null,
  })
  for (const said of ['How are you', 'notes.txt', 'Bye.', 'Well.']) expect(JSON.stringify(row)).not.toContain(said)
})

test('the list shows a failed run with its code, and a running one without an end', () => {
  expect(fold(started, failed)).toMatchObject({ status: 'failed', error: 'compute_error', endedAt: 20, durationMs: 70 })
  expect(fold(started)).toMatchObject({ status: 'running', endedAt: null, durationMs: null, tokens: 0 })
  expect(fold(answered, completed)).toBeUndefined()
})

test('the list shows who holds a run, and until when it waits', () => {
  expect(fold(started, calledTool, requested)).toMatchObject({ status: 'waiting', expiresAt: 5_000, toolCalls: 1 })
  expect(fold(started, calledTool, requested, submitted)).toMatchObject({ status: 'running', node: 'node-2', fence: 2 })
  expect(fold(started, resumed)).toMatchObject({ status: 'running', node: 'node-2', fence: 2 })
  expect(fold(started, cancelled)).toMatchObject({ status: 'cancelled', endedAt: 20 })
})
