import { randomUUID } from 'node:crypto'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { classify } from '../classify.ts'
import { ProviderError, unreadable } from '../errors.ts'
import type { ModelAnswer } from '../model-answer.ts'
import { withoutKey } from '../reading/chunk-scrubber.ts'
import type { JsonObject } from '../reading/json.ts'
import { isObject, parseExact, textIn } from '../reading/json.ts'
import { errorIn, reasonIn } from '../reading/reason.ts'
import { unwrapped } from './arguments.ts'
import { textOfParts } from './choice-reader.ts'
import type { ReadOptions } from './chunk-reader.ts'
import { countsIn, estimateRequest, estimateTokens, usageOf, wireUsage } from './usage.ts'

/** A completion as a client reads it. `json`: the provider's own text where nothing had to be put right. */
export type Whole = { completion: JsonObject; json: string; answer: ModelAnswer }

/** Characters of an answer that are worked on without a pause for what else there is to do. */
const SLICE = 1_000_000

/** Reads an answer that is not streamed. Throws `ProviderError` for what is none, or tells of an error. */
export async function readWhole(text: string, options: ReadOptions): Promise<Whole> {
  const trimmed = text.trim()
  if (trimmed.startsWith('<')) throw page()
  const large = trimmed.length > SLICE
  const value = parseExact(trimmed)
  const error = errorIn(value)
  if (error) throw classify({ status: null, said: error, scrubber: options.scrubber })
  if (!isObject(value) || !Array.isArray(value['choices'])) throw refusedOr(value, trimmed, options)
  if (large) await nextTurn()
  const held = await textHoldsKey(trimmed, value, options)
  const completion = held ? withoutKey(options.scrubber, value) : value
  const choices = (completion['choices'] as unknown[]).filter(isObject)
  if (choices.length === 0) throw unreadable()
  const changed = choices.length !== (completion['choices'] as unknown[]).length
  if (changed) completion['choices'] = choices
  const repaired = choices.map((choice, place) => putChoice(choice, place, options)).some(Boolean)
  const { answer, counted } = answerOf(completion, choices[0]!, options)
  if (large) await nextTurn()
  return { completion, answer, json: held || changed || repaired || !counted ? JSON.stringify(completion) : trimmed }
}

export const page = () =>
  new ProviderError('compute_error', 'The provider sent a web page instead of an answer. Check the base URL.')

function refusedOr(value: unknown, text: string, { scrubber }: ReadOptions): ProviderError {
  const said = value === undefined && /^[{[]/.test(text) ? undefined : reasonIn(text)
  return said?.message ? classify({ status: null, said, scrubber }) : unreadable()
}

async function textHoldsKey(text: string, value: unknown, { scrubber }: ReadOptions): Promise<boolean> {
  const spelled = /\\(?:u00|\/)/.test(text) ? JSON.stringify(value) : text
  for (let at = 0; at < spelled.length; at += SLICE) {
    if (at > 0) await nextTurn()
    if (scrubber.finds(spelled.slice(at, at + SLICE + 2 * scrubber.reach))) return true
  }
  return false
}

/** Puts a choice right in place. True where it had to be. */
function putChoice(choice: JsonObject, place: number, { asked, scrubber }: ReadOptions): boolean {
  const { error, finish_reason: finish } = choice
  if (finish === 'error' || (error !== undefined && error !== null)) {
    const said = errorIn({ error: error ?? 'The provider ended its answer with an error.' })!
    throw classify({ status: null, said, scrubber })
  }
  let repaired = false
  if (typeof choice['index'] !== 'number') {
    choice['index'] = place
    repaired = true
  }
  if (!isObject(choice['message'])) {
    choice['message'] = isObject(choice['delta'])
      ? choice['delta']
      : { role: 'assistant', content: textIn(choice['text']) }
    delete choice['delta']
    repaired = true
  }
  const message = choice['message'] as JsonObject
  const { content } = message
  if (content !== undefined && content !== null && typeof content !== 'string') {
    message['content'] = textOfParts(content)
    repaired = true
  }
  const called = putCalls(message, asked.functions !== undefined)
  const calls = message['tool_calls']
  const usual = Array.isArray(calls) && calls.length > 0 ? 'tool_calls' : 'stop'
  const reason = textIn(finish)
  const own = reason === 'function_call' && !isObject(message['function_call']) ? usual : reason || usual
  if (own !== finish) choice['finish_reason'] = own
  return repaired || called || own !== finish
}

function putCalls(message: JsonObject, legacy: boolean): boolean {
  const { tool_calls: given, function_call: old } = message
  const converts = isObject(old) && !legacy
  if (!converts && (given === undefined || given === null)) return false
  const list: unknown[] = [given ?? []].flat()
  const taken = new Set<string>()
  const calls = [...list, ...(converts ? [{ function: old }] : [])].flatMap((call) => putCall(call, taken))
  if (converts) delete message['function_call']
  const repaired =
    converts || !Array.isArray(given) || calls.length !== list.length || calls.some(({ changed }) => changed)
  if (repaired) message['tool_calls'] = calls.map(({ call }) => call)
  return repaired
}

function putCall(given: unknown, taken: Set<string>): { call: JsonObject; changed: boolean }[] {
  if (!isObject(given) || !isObject(given['function'])) return []
  const { arguments: args, name } = given['function']
  if (typeof name !== 'string' || !name) return []
  const written = isObject(args) ? JSON.stringify(args) : textIn(args)
  const own = unwrapped(written) || '{}'
  const named = textIn(given['id'])
  const id = named && !taken.has(named) ? named : `call_${randomUUID().replaceAll('-', '').slice(0, 24)}`
  taken.add(id)
  if (own === args && id === named && given['type'] === 'function') return [{ call: given, changed: false }]
  return [
    { call: { ...given, id, type: 'function', function: { ...given['function'], arguments: own } }, changed: true },
  ]
}

function answerOf(
  completion: JsonObject,
  choice: JsonObject,
  { asked }: ReadOptions,
): { answer: ModelAnswer; counted: boolean } {
  const message = choice['message'] as JsonObject
  const { role: _, content, refusal, tool_calls: calls, function_call: old, ...rest } = message
  const extra = Object.fromEntries(Object.entries(rest).filter(([, value]) => !isNothing(value)))
  const legacy = isObject(old) ? [{ function: old }] : []
  const toolCalls = [...(Array.isArray(calls) ? calls : []), ...legacy].map(toolCallOf)
  const output = () =>
    estimateTokens(
      textIn(content) +
        textIn(refusal) +
        (toolCalls.length > 0 ? JSON.stringify(toolCalls) : '') +
        (Object.keys(extra).length > 0 ? JSON.stringify(extra) : ''),
    )
  const counts = countsIn(completion['usage'])
  const usage = usageOf(counts, { input: () => estimateRequest(asked), output })
  if (usage.tokensEstimated) completion['usage'] = wireUsage(usage, completion['usage'])
  const answer = {
    content: textIn(content),
    refusal: textIn(refusal) || null,
    toolCalls,
    finishReason: textIn(choice['finish_reason']),
    extra: Object.keys(extra).length > 0 ? extra : null,
    ...usage,
  }
  return { answer, counted: !usage.tokensEstimated }
}

const isNothing = (value: unknown) => value === null || value === '' || (Array.isArray(value) && value.length === 0)

function toolCallOf(call: JsonObject): ModelAnswer['toolCalls'][number] {
  const { id, type: _, index: __, function: named, ...around } = call
  const { name, arguments: args, ...inside } = named as JsonObject
  const extra = { ...around, ...(Object.keys(inside).length > 0 && { function: inside }) }
  return {
    id: textIn(id),
    name: textIn(name),
    arguments: textIn(args) || '{}',
    ...(Object.keys(extra).length > 0 && { extra }),
  }
}

/** A completion as the chunks of a stream. */
export function chunksOf({ choices, usage, ...base }: JsonObject): JsonObject[] {
  const chunk = (rest: JsonObject) => ({ ...base, object: 'chat.completion.chunk', ...rest })
  const all = (choices as JsonObject[]).map(({ message, finish_reason: finish, ...choice }) => {
    const { tool_calls: calls, ...delta } = message as JsonObject
    const indexed = Array.isArray(calls)
      ? { tool_calls: calls.map((call: JsonObject, index) => ({ index, ...call })) }
      : {}
    return [
      { ...choice, delta: { ...delta, ...indexed }, finish_reason: null },
      { index: choice['index'], delta: {}, finish_reason: finish },
    ]
  })
  return [...all.flat().map((choice) => chunk({ choices: [choice] })), chunk({ choices: [], usage })]
}
