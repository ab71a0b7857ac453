import type { RunFile } from '@stewrd/core/kernel/run-file.ts'
import type { RunEvent, RunStartedData } from '@stewrd/core/runs/events.ts'
import type { Message } from '../provider/answer.ts'
import { argumentsObject, unwrapped } from '../provider/completion/arguments.ts'

const SYSTEM =
  'You are a helpful agent. Answer the user in the language of the message, and use the files that come with it. A file that is named without its text is opened with a tool.'

/** One message of a session and its answer, from before this run; `files` were sent with it, or made for it. */
export type Turn = { message: string; answer: string; files: readonly RunFile[] }

/** The conversation that a run starts with: plain message JSON, so that any node can go on with it. */
export function opening(message: string, files: readonly RunFile[], history: readonly Turn[] = []): Message[] {
  const before = history.flatMap((turn): Message[] => [
    { role: 'user', content: turn.message + attached(turn.files) },
    { role: 'assistant', content: turn.answer },
  ])
  return [{ role: 'system', content: SYSTEM }, ...before, { role: 'user', content: message + attached(files) }]
}

const attached = (files: readonly RunFile[]) =>
  files
    .map(({ name, content }) =>
      content === undefined
        ? `\n\n<file name=${JSON.stringify(name)} />`
        : `\n\n<file name=${JSON.stringify(name)}>\n${content}\n</file>`,
    )
    .join('')

/** The conversation of a run so far. A call without a result has no message of its own yet. */
export function conversation(
  started: RunStartedData,
  events: readonly RunEvent[],
  history: readonly Turn[],
): Message[] {
  const results = new Map(events.flatMap(resultsIn))
  const messages = opening(started.message, started.files, history)
  const moved = lastMove(started, events)
  for (const [at, { type, data }] of events.entries()) {
    if (type !== 'ModelAnswered' || data.toolCalls.length === 0) continue
    // What one model thought or signed means nothing to another, which may refuse it.
    const own = at > moved
    const calls = data.toolCalls.map((call) => wireCall(call, own))
    messages.push({ ...(own && data.extra), role: 'assistant', content: data.content, tool_calls: calls })
    for (const { id } of data.toolCalls)
      if (results.has(id)) messages.push({ role: 'tool', tool_call_id: id, content: results.get(id)! })
  }
  return messages
}

/** The same conversation for another model than the one that it was held with. */
export const forAnotherModel = (messages: readonly Message[]): Message[] =>
  messages.map((message) => {
    if (message.role !== 'assistant') return message
    const { role, content, tool_calls: calls } = message
    if (!calls) return { role, content }
    return {
      role,
      content,
      tool_calls: calls.map(({ id, type, function: { name, arguments: args } }) => ({
        id,
        type,
        function: { name, arguments: args },
      })),
    }
  })

/** Where the run went on with another model or provider for the last time; -1 where it never did. */
function lastMove(started: RunStartedData, events: readonly RunEvent[]): number {
  let { baseUrl, model } = started
  let moved = -1
  for (const [at, { type, data }] of events.entries()) {
    if (type !== 'RunReconfigured' || (data.baseUrl === baseUrl && data.model === model)) continue
    ;({ baseUrl, model } = data)
    moved = at
  }
  return moved
}

function resultsIn({ type, data }: RunEvent): [string, string][] {
  if (type === 'ToolReturned') return [[data.callId, data.output]]
  if (type === 'ToolOutputsSubmitted') return data.outputs.map(({ callId, output }) => [callId, output])
  return []
}

type Call = { id: string; name: string; arguments: string; extra?: Record<string, unknown> | undefined }

function wireCall({ id, name, arguments: args, extra }: Call, own: boolean) {
  const { function: inside, ...around } = own && extra ? extra : {}
  return {
    ...around,
    id,
    type: 'function' as const,
    function: {
      ...(typeof inside === 'object' && inside),
      name,
      // Some servers refuse a history whose arguments are no JSON, which was the model's doing.
      arguments: argumentsObject(args) ? unwrapped(args) : '{}',
    },
  }
}
