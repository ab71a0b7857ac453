import { estimateTokenCount } from 'tokenx'
import type { JsonObject } from '../reading/json.ts'
import { isObject, numberIn } from '../reading/json.ts'

export type Usage = { tokens: { input: number; output: number }; tokensEstimated: boolean; costNanoUsd: number | null }

/** What a provider counted. `well`: as the API says, so it needs no repair. */
type Counts = { input: number | undefined; output: number | undefined; well: boolean; costNanoUsd: number | null }

/** Undefined where nothing was counted at all. */
export function countsIn(usage: unknown): Counts | undefined {
  if (!isObject(usage)) return undefined
  const prompt = usage['prompt_tokens'] ?? usage['input_tokens']
  const completion = usage['completion_tokens'] ?? usage['output_tokens']
  const well = isCount(usage['prompt_tokens']) && isCount(usage['completion_tokens'])
  const cost = numberIn(usage['cost'])
  const known = cost !== undefined && cost >= 0 && cost < 1e6
  return {
    input: countOf(prompt),
    output: countOf(completion),
    well,
    costNanoUsd: known ? Math.round(cost * 1e9) : null,
  }
}

const isCount = (value: unknown) => typeof value === 'number' && Number.isSafeInteger(value) && value >= 0

/** Text or a fraction is read as the whole number that covers it. */
function countOf(value: unknown): number | undefined {
  const number = typeof value === 'string' && /^\s*\d+(\.\d+)?\s*$/.test(value) ? Number(value) : numberIn(value)
  return number !== undefined && number >= 0 && number < Number.MAX_SAFE_INTEGER ? Math.ceil(number) : undefined
}

/** The counts of a call, where the provider's are missing or impossible by an estimate. */
export function usageOf(counts: Counts | undefined, estimate: { input(): number; output(): number }): Usage {
  const costNanoUsd = counts?.costNanoUsd ?? null
  const nothing = !counts || (!counts.input && !counts.output)
  const input = nothing ? undefined : counts.input
  const output = nothing ? undefined : counts.output
  return {
    tokens: { input: input ?? estimate.input(), output: output ?? estimate.output() },
    tokensEstimated: nothing || !counts.well,
    costNanoUsd,
  }
}

/** Usage as the API tells it, with the provider's other fields. */
export const wireUsage = ({ tokens: { input, output } }: Usage, given: unknown = {}): JsonObject => ({
  ...(isObject(given) ? given : {}),
  prompt_tokens: input,
  completion_tokens: output,
  total_tokens: input + output,
  estimated: true,
})

/** Characters that are looked at: the rest is taken to be like them. */
const MOST_COUNTED = 50_000

/** About how many tokens a text is. */
export function estimateTokens(text: string): number {
  if (text.length <= MOST_COUNTED) return estimateTokenCount(text)
  return Math.ceil((estimateTokenCount(text.slice(0, MOST_COUNTED)) * text.length) / MOST_COUNTED)
}

/** What stands around each message. */
const PER_MESSAGE = 4
/** An image, a sound or a file, whatever its size. */
const PER_ATTACHMENT = 1_000

/** About how many tokens a request is. */
export function estimateRequest(body: { messages?: unknown; tools?: unknown; functions?: unknown }): number {
  const messages = Array.isArray(body.messages) ? body.messages : []
  const tools = [body.tools, body.functions].filter((given) => given !== undefined)
  const offered = tools.reduce<number>((sum, given) => sum + estimateTokens(JSON.stringify(given) ?? ''), 0)
  return messages.reduce<number>((sum, message) => sum + PER_MESSAGE + estimateMessage(message), offered)
}

function estimateMessage(message: unknown): number {
  if (!isObject(message)) return 0
  const { content, tool_calls: calls } = message
  const called = calls === undefined ? 0 : estimateTokens(JSON.stringify(calls) ?? '')
  if (typeof content === 'string') return called + estimateTokens(content)
  if (!Array.isArray(content)) return called
  return content.reduce<number>((sum, part) => sum + estimatePart(part), called)
}

function estimatePart(part: unknown): number {
  if (typeof part === 'string') return estimateTokens(part)
  if (!isObject(part)) return 0
  return typeof part['text'] === 'string' ? estimateTokens(part['text']) : PER_ATTACHMENT
}
