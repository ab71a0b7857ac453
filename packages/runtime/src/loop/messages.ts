import type { RunFile } from '@stewrd/core/kernel/run-file.ts'
import type { RunEvent, RunStartedData } from '@stewrd/core/runs/events.ts'
import type { Message } from '../provider/answer.ts'

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
  for (const { type, data } of events) {
    if (type !== 'ModelAnswered' || data.toolCalls.length === 0) continue
    messages.push({ role: 'assistant', content: data.content, tool_calls: data.toolCalls.map(wireCall) })
    for (const { id } of data.toolCalls)
      if (results.has(id)) messages.push({ role: 'tool', tool_call_id: id, content: results.get(id)! })
  }
  return messages
}

function resultsIn({ type, data }: RunEvent): [string, string][] {
  if (type === 'ToolReturned') return [[data.callId, data.output]]
  if (type === 'ToolOutputsSubmitted') return data.outputs.map(({ callId, output }) => [callId, output])
  return []
}

const wireCall = ({ id, name, arguments: args }: { id: string; name: string; arguments: string }) => ({
  id,
  type: 'function' as const,
  // Some servers refuse a history whose arguments are no JSON, which was the model's doing.
  function: { name, arguments: parsedArguments(args) ? args : '{}' },
})

/** A model's arguments as an object; undefined for anything else that it wrote. */
export function parsedArguments(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text.trim() || '{}')
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined
  } catch {
    return undefined
  }
}
