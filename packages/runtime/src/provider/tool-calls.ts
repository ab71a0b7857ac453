import type { ToolCall } from './answer.ts'

/** The calls of an answer that came whole. What calls itself compatible may send anything. */
export function toolCallsOf(calls: unknown): ToolCall[] {
  if (!Array.isArray(calls)) return []
  const found: ToolCall[] = []
  for (const [index, call] of calls.entries()) addToolCall(found, { index, ...(call as object) })
  return found.filter(({ name }) => name)
}

type Delta = {
  index?: number
  id?: string | null
  function?: { name?: string | null; arguments?: unknown } | null
}

/** Adds one piece of a call that is streamed: its name comes once, its arguments in parts, and some servers leave the index out. */
export function addToolCall(calls: ToolCall[], delta: Delta): void {
  const index = delta.index ?? (delta.id ? calls.length : Math.max(0, calls.length - 1))
  if (index < 0 || index > 127) return
  while (calls.length <= index) calls.push({ id: '', name: '', arguments: '' })
  const call = calls[index]!
  const { name, arguments: args } = delta.function ?? {}
  if (typeof delta.id === 'string' && delta.id) call.id = delta.id
  if (typeof name === 'string' && name) call.name = name
  if (typeof args === 'string') call.arguments += args
  // Local servers send an object where the contract has text.
  else if (typeof args === 'object' && args !== null) call.arguments = JSON.stringify(args)
}
