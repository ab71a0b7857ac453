import { classify } from '../classify.ts'
import { brokenOff, ProviderError, unreadable } from '../errors.ts'
import type { ModelAnswer } from '../model-answer.ts'
import { ChunkScrubber } from '../reading/chunk-scrubber.ts'
import type { StreamEvent } from '../reading/event-stream.ts'
import type { JsonObject } from '../reading/json.ts'
import { isObject, parseExact, parseJson, withExactNumbers } from '../reading/json.ts'
import type { KeyScrubber } from '../reading/key-scrubber.ts'
import { errorIn, reasonIn } from '../reading/reason.ts'
import { ChoiceReader } from './choice-reader.ts'
import type { Usage } from './usage.ts'
import { countsIn, estimateRequest, estimateTokens, usageOf, wireUsage } from './usage.ts'

/** What was asked, as far as an answer is read by it. */
export type Asked = {
  messages?: unknown
  tools?: unknown
  functions?: unknown
  stream?: boolean | undefined
  stream_options?: { include_usage?: boolean | undefined } | undefined
}
export type ReadOptions = { asked: Asked; scrubber: KeyScrubber }

/** A chunk as a client reads it. `json`: the provider's own text where nothing had to be put right. `onlyUsage`: it has nothing but counters. */
export type Frame = { json: string; text: string; onlyUsage: boolean }

const MOST_CHOICES = 128
const ARGUMENTS = /"arguments"\s*:\s*\{/

/** Reads the chunks of a completion: each is understood, put right and rid of the key before a client or a record has it, so both have the same. */
export class ChunkReader {
  /** The provider said that its answer is whole. */
  done = false
  readonly #options: ReadOptions
  readonly #scrubber: ChunkScrubber
  readonly #choices = new Map<number, ChoiceReader>()
  #counts: ReturnType<typeof countsIn>
  #usage: Usage | undefined
  /** A chunk with `id`, `model` and what else stands in every one. */
  #base: JsonObject | undefined

  constructor(options: ReadOptions) {
    this.#options = options
    this.#scrubber = new ChunkScrubber(options.scrubber)
  }

  /** Undefined for what is no chunk: a heartbeat, the mark of the end. Throws `ProviderError` for an error in the place of one. */
  take({ event, data }: StreamEvent): Frame | undefined {
    const text = data.trim()
    if (text === '' || text === 'null') return undefined
    if (text === '[DONE]') {
      this.done = true
      return undefined
    }
    // Arguments that are an object become text here; other numbers are looked at where a chunk is written anew.
    const value = ARGUMENTS.test(text) ? parseExact(text) : parseJson(text)
    if (event === 'error')
      throw this.#failure(value === undefined ? reasonIn(text) : (errorIn(value) ?? reasonIn(text)))
    const error = errorIn(value)
    if (error) throw this.#failure(error)
    if (!isObject(value)) throw value === undefined ? noJson() : unreadable()
    return this.takeChunk(value, text.includes('\n') ? undefined : text)
  }

  /** `json`: the chunk as it came, on one line. */
  takeChunk(given: JsonObject, json: string | undefined): Frame {
    const scrubbed = this.#scrubber.scrub(given, json)
    const chunk = scrubbed.value
    const repaired = this.#put(chunk)
    const text = this.#choices.get(0)?.takeText() ?? ''
    if (!this.#base || chunk['id'] !== undefined) this.#base = chunk
    const onlyUsage = isObject(chunk['usage']) && (chunk['choices'] as unknown[]).length === 0
    const unchanged = !repaired && scrubbed.json !== undefined
    return { json: unchanged ? scrubbed.json! : JSON.stringify(withExactNumbers(chunk, json)), text, onlyUsage }
  }

  /** Every choice that there is has come to its end. */
  get finished(): boolean {
    return this.#choices.size > 0 && [...this.#choices.values()].every(({ finishReason }) => finishReason !== '')
  }

  /** What a client still has to be told at the end. Throws for an answer that broke off. */
  end(): Frame[] {
    if (this.#choices.size === 0) throw this.done ? unreadable() : brokenOff()
    const open = [...this.#choices.values()].filter(({ finishReason }) => finishReason === '')
    if (open.length > 0 && !this.done) throw brokenOff()
    const frames = open.map((choice) => this.#own([choice.close()]))
    const counted = this.#usage ?? (this.#usage = this.#counted())
    if (this.#counts || !this.#options.asked.stream_options?.include_usage) return frames
    return [...frames, this.#own([], wireUsage(counted))]
  }

  answer(): ModelAnswer {
    const choice = this.#choices.get(0) ?? [...this.#choices.values()][0]
    if (!choice) throw unreadable()
    return { ...choice.answer(), ...(this.#usage ?? this.#counted()) }
  }

  /** The chunks as the one answer that they are. */
  completion(): JsonObject {
    const choices = [...this.#choices.values()].toSorted((a, b) => a.index - b.index).map((choice) => choice.whole())
    const usage = this.#usage ?? this.#counted()
    const { input: prompt_tokens, output: completion_tokens } = usage.tokens
    const counts = usage.tokensEstimated
      ? wireUsage(usage)
      : { prompt_tokens, completion_tokens, total_tokens: prompt_tokens + completion_tokens }
    return { ...this.#common(), object: 'chat.completion', choices, usage: counts }
  }

  #common(): JsonObject {
    const { choices: _, usage: __, ...common } = this.#base ?? {}
    return common
  }

  /** True where something was put right. */
  #put(chunk: JsonObject): boolean {
    let repaired = false
    const given: unknown = chunk['choices']
    const choices = (Array.isArray(given) ? given : []).filter(isObject)
    if (!Array.isArray(given) || choices.length !== given.length) {
      chunk['choices'] = choices
      repaired = true
    }
    for (const [place, choice] of choices.entries()) repaired = this.#choiceOf(choice, place).take(choice) || repaired
    return this.#count(chunk) || repaired
  }

  #choiceOf(choice: JsonObject, place: number): ChoiceReader {
    const { index } = choice
    const known = typeof index === 'number' && Number.isSafeInteger(index) && index >= 0
    const own = known ? index : place
    const reader = this.#choices.get(own)
    if (reader) return reader
    if (this.#choices.size >= MOST_CHOICES) throw unreadable()
    const legacy = this.#options.asked.functions !== undefined
    const made = new ChoiceReader(own, { legacy, fail: (error) => this.#failure(error) })
    this.#choices.set(own, made)
    return made
  }

  #count(chunk: JsonObject): boolean {
    const counts = countsIn(chunk['usage'])
    if (!counts) return false
    const known = counts.input !== undefined || counts.output !== undefined
    if (!known && this.#counts) return false
    this.#counts = counts
    this.#usage = this.#counted()
    if (!this.#usage.tokensEstimated) return false
    chunk['usage'] = wireUsage(this.#usage, chunk['usage'])
    return true
  }

  #counted(): Usage {
    const { asked } = this.#options
    const output = () => [...this.#choices.values()].reduce((sum, choice) => sum + estimateTokens(choice.spoken), 0)
    return usageOf(this.#counts, { input: () => estimateRequest(asked), output })
  }

  #own(choices: JsonObject[], usage?: JsonObject): Frame {
    const chunk = { ...this.#common(), object: 'chat.completion.chunk', choices, ...(usage && { usage }) }
    return { json: JSON.stringify(chunk), text: '', onlyUsage: choices.length === 0 }
  }

  #failure(said: NonNullable<ReturnType<typeof errorIn>>): ProviderError {
    return classify({ status: null, said, scrubber: this.#options.scrubber })
  }
}

const noJson = () => new ProviderError('compute_error', 'The provider sent a frame that is no JSON.')
