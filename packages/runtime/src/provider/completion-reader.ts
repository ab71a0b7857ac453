import type OpenAI from 'openai'
import type { ModelAnswer, ToolCall } from './answer.ts'
import { countsOf } from './answer.ts'
import { addToolCall, toolCallsOf } from './tool-calls.ts'

/** What a chat completion that is passed on says, read beside it. What cannot be read counts as nothing. */
export class CompletionReader {
  #content = ''
  #finishReason = ''
  #counts = countsOf(undefined)
  readonly #toolCalls: ToolCall[] = []
  #rest = ''

  /** The frames of a stream as they come, whole ones only. `withoutUsage`: leaves out the frame that has nothing but counters. */
  frames(text: string, { withoutUsage }: { withoutUsage: boolean }): string {
    this.#rest += text
    let out = ''
    for (;;) {
      const end = /\r?\n\r?\n/.exec(this.#rest)
      if (!end) return out
      const frame = this.#rest.slice(0, end.index + end[0].length)
      this.#rest = this.#rest.slice(frame.length)
      if (!(this.#frame(frame) && withoutUsage)) out += frame
    }
  }

  /** What came after the last whole frame. */
  rest(): string {
    const rest = this.#rest
    this.#rest = ''
    if (rest) this.#frame(rest)
    return rest
  }

  whole(text: string): void {
    const completion = parsed(text) as Partial<OpenAI.ChatCompletion> | undefined
    const choice = completion?.choices?.[0]
    this.#content = textOf(choice?.message?.content)
    this.#finishReason = textOf(choice?.finish_reason)
    this.#toolCalls.push(...toolCallsOf(choice?.message?.tool_calls))
    this.#counts = countsOf(completion?.usage)
  }

  /** Undefined for a stream that broke off, or an answer that is none. */
  answer(): ModelAnswer | undefined {
    if (!this.#finishReason) return undefined
    const toolCalls = this.#toolCalls.filter(({ name }) => name)
    return { content: this.#content, toolCalls, finishReason: this.#finishReason, ...this.#counts }
  }

  /** True for a frame of counters alone. */
  #frame(frame: string): boolean {
    const data = /^data: ?(.*)$/m.exec(frame)?.[1]?.trim()
    if (!data || data === '[DONE]') return false
    const chunk = parsed(data) as Partial<OpenAI.ChatCompletionChunk> | undefined
    if (!chunk) return false
    const choice = chunk.choices?.[0]
    this.#content += textOf(choice?.delta?.content)
    for (const delta of choice?.delta?.tool_calls ?? []) addToolCall(this.#toolCalls, delta)
    this.#finishReason = textOf(choice?.finish_reason) || this.#finishReason
    if (chunk.usage) this.#counts = countsOf(chunk.usage)
    return Boolean(chunk.usage) && !chunk.choices?.length
  }
}

const textOf = (value: unknown) => (typeof value === 'string' ? value : '')
function parsed(text: string): unknown {
  try {
    return JSON.parse(text) ?? undefined
  } catch {
    return undefined
  }
}
