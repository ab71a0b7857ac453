import type { ProviderError } from '../errors.ts'
import type { ModelAnswer } from '../model-answer.ts'
import type { JsonObject } from '../reading/json.ts'
import { isObject, textIn } from '../reading/json.ts'
import type { Said } from '../reading/reason.ts'
import { errorIn, nothingSaid } from '../reading/reason.ts'
import { mergeDelta } from './merge-delta.ts'
import { ToolCallJoiner } from './tool-call-joiner.ts'

type Options = { legacy: boolean; fail(said: Said): ProviderError }

/** One choice of a completion, from its pieces. */
export class ChoiceReader {
  readonly index: number
  finishReason = ''
  readonly #options: Options
  readonly #calls = new ToolCallJoiner()
  readonly #extra: JsonObject = {}
  /** The legacy call that the client itself asked for in its legacy form. */
  readonly #functionCall: JsonObject = {}
  #content = ''
  #refusal = ''
  #fresh = ''

  constructor(index: number, options: Options) {
    this.index = index
    this.#options = options
  }

  /** Reads a choice of a chunk, and puts it right in place. True where it had to be. */
  take(choice: JsonObject): boolean {
    const { error, finish_reason: finish } = choice
    if (finish === 'error' || (error !== undefined && error !== null))
      throw this.#options.fail(
        errorIn({ error: error ?? 'The provider ended its answer with an error.' }) ?? nothingSaid,
      )
    let repaired = choice['index'] !== this.index
    if (repaired) choice['index'] = this.index
    if (!isObject(choice['delta'])) {
      choice['delta'] = isObject(choice['message']) ? choice['message'] : {}
      delete choice['message']
      repaired = true
    }
    const delta = choice['delta'] as JsonObject
    repaired = this.#takeContent(delta) || repaired
    repaired = this.#takeCalls(delta) || repaired
    repaired = this.#takeFinish(choice, delta) || repaired
    const { role: _, content: __, refusal, tool_calls: ___, function_call: ____, ...extra } = delta
    this.#refusal += textIn(refusal)
    mergeDelta(this.#extra, extra)
    return repaired
  }

  /** The words that came since this was called before. */
  takeText(): string {
    const fresh = this.#fresh
    this.#fresh = ''
    return fresh
  }

  /** The piece that ends a choice whose provider did not say how it ended. */
  close(): JsonObject {
    const choice = { index: this.index, delta: {}, finish_reason: this.#calls.calls.length > 0 ? 'tool_calls' : 'stop' }
    this.take(choice)
    return choice
  }

  /** Everything that was generated, as text. */
  get spoken(): string {
    const extra = Object.keys(this.#extra).length > 0 ? JSON.stringify(this.#extra) : ''
    const calls = this.#calls.calls.map(({ name, arguments: args }) => name + args).join('')
    return this.#content + this.#refusal + calls + extra
  }

  answer(): Pick<ModelAnswer, 'content' | 'refusal' | 'toolCalls' | 'finishReason' | 'extra'> {
    const { name, arguments: args } = this.#functionCall
    const legacy = textIn(name) ? [{ id: '', name: textIn(name), arguments: textIn(args) || '{}' }] : []
    return {
      content: this.#content,
      refusal: this.#refusal || null,
      toolCalls: [...this.#calls.calls, ...legacy],
      finishReason: this.finishReason,
      extra: Object.keys(this.#extra).length > 0 ? this.#extra : null,
    }
  }

  /** The choice of an answer that is not streamed. */
  whole(): JsonObject {
    const calls = this.#calls.calls.map(({ id, name, arguments: args, extra }) => ({
      id,
      type: 'function',
      ...extra,
      function: { name, arguments: args },
    }))
    const message = {
      role: 'assistant',
      content: this.#content || (calls.length > 0 || this.#refusal ? null : ''),
      ...(this.#refusal && { refusal: this.#refusal }),
      ...(calls.length > 0 && { tool_calls: calls }),
      ...(Object.keys(this.#functionCall).length > 0 && { function_call: this.#functionCall }),
      ...this.#extra,
    }
    return { index: this.index, message, finish_reason: this.finishReason || 'stop' }
  }

  #takeContent(delta: JsonObject): boolean {
    const { content } = delta
    const plain = content === undefined || content === null || typeof content === 'string'
    const text = plain ? textIn(content) : textOfParts(content)
    if (!plain) delta['content'] = text
    this.#content += text
    this.#fresh += text
    return !plain
  }

  #takeCalls(delta: JsonObject): boolean {
    const { function_call: legacy, tool_calls: calls } = delta
    if (isObject(legacy) && this.#options.legacy) mergeDelta(this.#functionCall, legacy)
    const converts = isObject(legacy) && !this.#options.legacy
    if (!converts && (calls === undefined || calls === null)) return false
    const given = [calls ?? []].flat().filter(isObject)
    const pieces = [...given, ...(converts ? [{ index: 0, function: legacy }] : [])].map((piece) =>
      this.#calls.take(piece),
    )
    if (converts) delete delta['function_call']
    const repaired =
      converts || !Array.isArray(calls) || calls.length !== given.length || pieces.some(({ changed }) => changed)
    if (repaired) delta['tool_calls'] = pieces.map(({ piece }) => piece)
    return repaired
  }

  #takeFinish(choice: JsonObject, delta: JsonObject): boolean {
    const { finish_reason: finish } = choice
    if (finish === undefined || finish === null) return false
    const reason = textIn(finish)
    const own = reason === 'function_call' && !this.#options.legacy ? 'tool_calls' : reason
    const left = own && !this.finishReason ? this.#calls.flush() : []
    if (own) this.finishReason = own
    if (left.length > 0) delta['tool_calls'] = [...((delta['tool_calls'] as unknown[] | undefined) ?? []), ...left]
    if (own !== finish) choice['finish_reason'] = own || null
    return left.length > 0 || own !== finish
  }
}

/** The words of a content that is a list of parts: what the model thinks is none of them. */
export function textOfParts(content: unknown): string {
  return [content]
    .flat()
    .map((part) => (typeof part === 'string' ? part : isObject(part) && !isThought(part) ? textIn(part['text']) : ''))
    .join('')
}
const isThought = ({ type }: JsonObject) => typeof type === 'string' && /think|reason/.test(type)
