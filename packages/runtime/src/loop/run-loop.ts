import type { RunFile } from '@stewrd/core/kernel/run-file.ts'
import type { RecordAnswer, RequestedCall } from '@stewrd/core/runs/commands.ts'
import type { ModelAnsweredData, RunEvent, RunStartedData, ToolReturnedData } from '@stewrd/core/runs/events.ts'
import type { Message, ToolChoice, ToolOffer } from '../provider/answer.ts'
import { argumentsObject } from '../provider/completion/arguments.ts'
import { ProviderError } from '../provider/errors.ts'
import type { ModelAnswer } from '../provider/model-answer.ts'
import type { Turn } from './messages.ts'
import { conversation } from './messages.ts'
import type { Tool } from './tool.ts'
import { ToolError } from './tool.ts'

/** What goes on only after it is recorded. `record` returns the events that it appended. */
export type StepRecord =
  | Omit<RecordAnswer, 'fence'>
  | { type: 'RecordToolReturn'; returned: ToolReturnedData }
  | { type: 'CompleteRun'; answer: ModelAnsweredData }

/** What the loop needs from outside. `now` is monotonic milliseconds, `clock` unix milliseconds. */
export type LoopPorts = {
  runId: string
  signal: AbortSignal
  now(): number
  clock(): number
  answer(messages: readonly Message[], offer: ToolOffer, step: number): Promise<ModelAnswer>
  record(step: StepRecord): Promise<readonly RunEvent[]>
}

/** `tools` the platform carries out; the run's custom ones are the client's. `events` are the run's so far. */
export type LoopState = {
  started: RunStartedData
  events: readonly RunEvent[]
  history: readonly Turn[]
  tools: readonly Tool[]
}

/** Rounds of custom tools; on the last one the run ends with an answer. */
export const MOST_ROUNDS = 10
/** Answers of the model in one run: the last is asked for without tools. */
const MOST_STEPS = 30
/** Answers in a row of which no call can be carried out: the model is told of it each time before it is given up. */
const MOST_FUTILE = 3
/** The client has so long to send tool outputs. */
export const OUTPUTS_MS = 5 * 60_000
const NO_ANSWER = 'The model asked for tools again instead of answering, and may not any more.'

/** Goes on with a run from where its events end, until it is completed or waits for the client. All state between two steps is in the events. */
export async function runLoop(ports: LoopPorts, state: LoopState): Promise<'completed' | 'waiting'> {
  const events = [...state.events]
  const take = (more: readonly RunEvent[]) => void events.push(...more)
  for (;;) {
    await Promise.all(
      openCalls(events).map(async (call) =>
        take(await ports.record({ type: 'RecordToolReturn', returned: await carryOut(ports, state, events, call) })),
      ),
    )
    const step = 1 + events.filter((e) => e.type === 'ModelAnswered').length
    const rounds = events.filter((e) => e.type === 'ToolOutputsRequested').length
    const choice: ToolChoice = rounds >= MOST_ROUNDS || step >= MOST_STEPS ? 'none' : 'auto'
    const began = ports.now()
    const offered = [...state.tools, ...state.started.tools]
    const messages = conversation(state.started, events, state.history)
    const answered = await ports.answer(messages, { tools: offered, choice }, step)
    const toolCalls = withOwnIds(answered.toolCalls, step, events)
    const answer = { ...answered, toolCalls, step, durationMs: Math.round(ports.now() - began) }
    if (answer.toolCalls.length === 0 || choice === 'none') {
      const content = answer.toolCalls.length > 0 && !answer.content ? NO_ANSWER : answer.content
      take(await ports.record({ type: 'CompleteRun', answer: { ...answer, content, toolCalls: [] } }))
      return 'completed'
    }
    const next = followUp(ports, state, answer)
    if (!next.called.length && !next.request && futileRounds(events) >= MOST_FUTILE - 1) throw givenUp(answer)
    take(await ports.record({ type: 'RecordAnswer', answer, ...next }))
    if (next.request) return 'waiting'
  }
}

/** How many answers in a row, up to now, had no call that could be carried out. */
function futileRounds(events: readonly RunEvent[]): number {
  const useful = events.flatMap((e) =>
    e.type === 'ToolCalled' || e.type === 'ToolOutputsRequested' ? [e.data.step] : [],
  )
  const steps = events.filter((e) => e.type === 'ModelAnswered').length
  return steps - Math.max(0, ...useful)
}

function givenUp({ finishReason, toolCalls }: ModelAnsweredData): ProviderError {
  const readable = toolCalls.some((call) => argumentsObject(call.arguments))
  const what = readable ? 'tools that there are not' : 'tools with arguments that cannot be read'
  const why =
    finishReason === 'length' ? ' Its answers were cut off at the length that the model or its server allows.' : ''
  return new ProviderError('compute_error', `The model called ${what}, ${MOST_FUTILE} times in a row.${why}`)
}

type Call = { id: string; name: string; arguments: string; step: number }

/** Calls that the platform began and whose result is not recorded: after a crash they are carried out again, under the same id. */
function openCalls(events: readonly RunEvent[]): Call[] {
  const calls = new Map(
    events.flatMap((e) =>
      e.type === 'ModelAnswered' ? e.data.toolCalls.map((call) => [call.id, { ...call, step: e.data.step }]) : [],
    ),
  )
  const returned = new Set(events.flatMap((e) => (e.type === 'ToolReturned' ? [e.data.callId] : [])))
  const begun = events.flatMap((e) => (e.type === 'ToolCalled' ? [e.data.callId] : []))
  return begun.filter((id) => !returned.has(id) && calls.has(id)).map((id) => calls.get(id)!)
}

/** Some servers give no ids, or the same ones with every answer. */
function withOwnIds(calls: ModelAnswer['toolCalls'], step: number, events: readonly RunEvent[]) {
  const taken = new Set(events.flatMap((e) => (e.type === 'ModelAnswered' ? e.data.toolCalls.map(({ id }) => id) : [])))
  return calls.map((call, i) => {
    const id = call.id && !taken.has(call.id) ? call.id : `call_${step}_${i + 1}`
    taken.add(id)
    return { ...call, id }
  })
}

/** What becomes of an answer's calls: begun here, asked of the client, or told to the model as impossible. */
function followUp(ports: LoopPorts, { tools, started }: LoopState, { toolCalls, step }: ModelAnsweredData) {
  const called: RecordAnswer['called'][number][] = []
  const returned: ToolReturnedData[] = []
  const requested: RequestedCall[] = []
  for (const { id, name, arguments: text } of toolCalls) {
    const args = argumentsObject(text)
    const tool = tools.find((t) => t.name === name)
    if (args && tool) called.push({ callId: id, tool: name, message: tool.say(args) })
    else if (args && started.tools.some((t) => t.name === name)) requested.push({ id, name, arguments: args })
    else {
      const output = args ? `There is no tool ${name}.` : 'The arguments are no JSON object. Call the tool again.'
      returned.push({ step, callId: id, tool: name, output, failed: true, files: [], durationMs: 0 })
    }
  }
  const request = requested.length > 0 ? { calls: requested, expiresAt: ports.clock() + OUTPUTS_MS } : null
  return { called, returned, request }
}

/** What the tools of a run may read: newer files come later. */
const filesOf = ({ history, started }: LoopState, events: readonly RunEvent[]): RunFile[] => [
  ...history.flatMap(({ files }) => files),
  ...started.files,
  ...events.flatMap((e) => (e.type === 'ToolReturned' ? e.data.files : [])),
]

async function carryOut(
  ports: LoopPorts,
  state: LoopState,
  events: readonly RunEvent[],
  call: Call,
): Promise<ToolReturnedData> {
  const began = ports.now()
  const { runId, signal } = ports
  const base = { step: call.step, callId: call.id, tool: call.name }
  const done = (output: string, failed: boolean, files: ToolReturnedData['files'] = []) => ({
    ...base,
    output,
    failed,
    files,
    durationMs: Math.round(ports.now() - began),
  })
  const tool = state.tools.find((t) => t.name === call.name)
  const args = argumentsObject(call.arguments)
  if (!tool || !args) return done(`The tool ${call.name} is not available any more.`, true)
  try {
    const { output, files = [] } = await tool.run(args, {
      runId,
      callId: call.id,
      signal,
      files: filesOf(state, events),
    })
    return done(output, false, [...files])
  } catch (error) {
    if (!(error instanceof ToolError)) throw error
    return done(error.message, true)
  }
}
