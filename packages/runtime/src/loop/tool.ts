import type { Capability } from '@stewrd/core/kernel/capabilities.ts'
import type { RunFile } from '@stewrd/core/kernel/run-file.ts'

/** What the model sees of a tool. `parameters` is a JSON Schema with `"type": "object"`. */
export type ToolSpec = { name: string; description: string; parameters: Record<string, unknown> }
export type ToolResult = { output: string; files?: readonly RunFile[] }
/** `callId` is the idempotency key of this call: the same again after a crash. `files`: those that the run was given or made, in order. */
export type ToolContext = { runId: string; callId: string; signal: AbortSignal; files: readonly RunFile[] }

/** A tool that the platform carries out. `run` gets parsed arguments; what it throws as `ToolError` is told to the model, which may try again. */
export type Tool = ToolSpec & {
  capability: Capability
  /** What is being done, for whoever watches the run. */
  say(args: Record<string, unknown>): string
  run(args: Record<string, unknown>, context: ToolContext): Promise<ToolResult>
}

/** What the model is told when a call cannot be carried out. The message holds nothing secret. */
export class ToolError extends Error {
  override readonly name = 'ToolError'
}
