import { expect, test } from 'vitest'
import { spec } from '../kernel/spec.testing.ts'
import type { RunEvent, RunStartedData } from './events.ts'
import type { RunRow } from './runs.projection.ts'
import { runIdOf, runsView } from './runs.projection.ts'
import { runs, runStream } from './runs.ts'

const run: RunStartedData = {
  object: 'agent.response',
  message: 'How are you?',
  files: [{ name: 'notes.txt', content: 'hello' }],
  capabilities: ['chat'],
  stream: false,
  provider: 'openai',
  baseUrl: 'https://api.openai.com/v1',
  model: 'gpt-4o',
  keySource: 'project',
  configRevision: 3,
  keyFingerprint: 'fp_00000000000000aa',
  credits: 1,
  node: 'node-1',
}
const { files: _, ...remembered } = run
const answer = { step: 1, content: 'Well.', finishReason: 'stop', tokens: { input: 12, output: 5 }, durationMs: 600 }
const last = { ...answer, step: 2, content: 'Bye.', tokens: { input: 20, output: 2 } }
const total = { input: 32, output: 7 }
const started: RunEvent = { type: 'RunStarted', version: 1, data: run }
const answered: RunEvent = { type: 'ModelAnswered', version: 1, data: answer }
const answeredLast: RunEvent = { type: 'ModelAnswered', version: 1, data: last }
const completed: RunEvent = {
  type: 'RunCompleted',
  version: 1,
  data: { message: 'Bye.', tokens: total, durationMs: 900 },
}
const failure = { code: 'compute_error', message: 'The provider broke off.', durationMs: 70 }
const failed: RunEvent = { type: 'RunFailed', version: 1, data: failure }
const given = spec(runs)

test('a run starts with what it was asked and what it runs on', () =>
  given().when({ type: 'StartRun', run }).then(started))

test('a run starts once', () => given(started).when({ type: 'StartRun', run }).thenRefused('RUN_EXISTS'))

test('answers of the model are recorded', () =>
  given(started)
    .when({ type: 'RecordAnswer', ...answer })
    .then(answered))

test('the last answer and the end come together, with the tokens of all answers', () =>
  given(started, answered).when({ type: 'CompleteRun', answer: last, durationMs: 900 }).then(answeredLast, completed))

test('a run that fails says why', () =>
  given(started, answered)
    .when({ type: 'FailRun', ...failure })
    .then(failed))

const later = [
  { type: 'RecordAnswer', ...answer },
  { type: 'CompleteRun', answer: last, durationMs: 900 },
  { type: 'FailRun', ...failure },
] as const
test.each(later)('a run that never started refuses $type', (command) =>
  given().when(command).thenRefused('NOT_FOUND', { what: 'run' }),
)
test.each(later)('a run that has ended refuses $type', (command) => {
  given(started, completed).when(command).thenRefused('RUN_ENDED', { status: 'completed' })
  given(started, failed).when(command).thenRefused('RUN_ENDED', { status: 'failed' })
})

test('the state of a run leaves the files in their event, and adds up tokens', () => {
  const running = { status: 'running', started: remembered, message: '', error: null, durationMs: 0 }
  expect(given(started, answered).state).toEqual({ ...running, steps: 1, tokens: answer.tokens })
  expect(given(started, answered, answeredLast, completed).state).toEqual({
    ...running,
    status: 'completed',
    steps: 2,
    tokens: total,
    message: 'Bye.',
    durationMs: 900,
  })
  expect(given(started, failed).state).toMatchObject({
    status: 'failed',
    error: 'compute_error',
    message: failure.message,
    durationMs: 70,
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
