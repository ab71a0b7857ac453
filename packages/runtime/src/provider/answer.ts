import type OpenAI from 'openai'
import type { Egress } from '../egress/egress.ts'
import type { Posted } from '../egress/post.ts'
import { Aborted, ProviderError, providerError } from './errors.ts'
import { send } from './send.ts'
import { dataOf } from './server-sent.ts'
import type { ModelTarget } from './target.ts'
import { addToolCall, toolCallsOf } from './tool-calls.ts'

/** A message of a conversation, as it goes over the wire. */
export type Message =
  | { role: 'system' | 'user'; content: string }
  | {
      role: 'assistant'
      content: string
      tool_calls?: { id: string; type: 'function'; function: { name: string; arguments: string } }[]
    }
  | { role: 'tool'; tool_call_id: string; content: string }

/** `arguments` is as the model wrote it: usually JSON. */
export type ToolCall = { id: string; name: string; arguments: string }
export type ToolChoice = 'auto' | 'none'
export type ToolOffer = {
  tools: readonly { name: string; description: string; parameters: Record<string, unknown> }[]
  choice: ToolChoice
}

export type ModelAnswer = {
  content: string
  toolCalls: ToolCall[]
  finishReason: string
  /** As the provider counts; zeros when it does not tell. */
  tokens: { input: number; output: number }
  /** What the provider says that it took, in 1e-9 USD; null when it does not tell. */
  costNanoUsd: number | null
}

export type AnswerRequest = {
  target: ModelTarget
  messages: readonly Message[]
  offer?: ToolOffer
  signal: AbortSignal
  /** Given: the answer is streamed, and each chunk handed over as it comes. */
  onToken?: ((text: string) => void) | undefined
  /** Until the provider's first byte. The whole is bounded by `signal`. */
  timeoutMs?: number
}

const TIMEOUT_MS = 100_000

/** One call of the model. Throws `ProviderError` or `Aborted`. */
export async function answer(egress: Pick<Egress, 'post'>, request: AnswerRequest): Promise<ModelAnswer> {
  const { target, messages, offer, signal, onToken, timeoutMs = TIMEOUT_MS } = request
  const asked = { model: target.model, messages, ...toolFields(offer) }
  const body = onToken ? { ...asked, stream: true, stream_options: { include_usage: true } } : asked
  try {
    const sent = await send(egress, { target, body, signal, timeoutMs })
    return onToken ? await streamed(sent, onToken) : whole(JSON.parse(await sent.text()) as OpenAI.ChatCompletion)
  } catch (error) {
    if (!signal.aborted) throw providerError(error)
    throw signal.reason instanceof ProviderError ? signal.reason : new Aborted('the call was stopped')
  }
}

function toolFields(offer: ToolOffer | undefined) {
  if (!offer?.tools.length) return {}
  const tools = offer.tools.map(({ name, description, parameters }) => ({
    type: 'function' as const,
    function: { name, description, parameters },
  }))
  // "auto" is what servers do by themselves, and not all know the field.
  return { tools, ...(offer.choice === 'none' && { tool_choice: 'none' as const }) }
}

function whole(completion: OpenAI.ChatCompletion): ModelAnswer {
  // What calls itself compatible may send anything.
  const choice = (completion as Partial<OpenAI.ChatCompletion> | null)?.choices?.[0]
  if (!choice?.message) throw unreadable()
  return {
    content: textOf(choice.message.content),
    toolCalls: toolCallsOf(choice.message.tool_calls),
    finishReason: textOf(choice.finish_reason) || 'stop',
    ...countsOf(completion.usage),
  }
}

async function streamed(sent: Posted, onToken: (text: string) => void): Promise<ModelAnswer> {
  let content = ''
  const toolCalls: ToolCall[] = []
  let finishReason: string | undefined
  let counts = countsOf(undefined)
  for await (const data of dataOf(sent.body ?? nothing())) {
    if (data.startsWith('[DONE]')) continue
    const chunk = chunkOf(data)
    const choice = chunk.choices?.[0]
    const text = textOf(choice?.delta?.content)
    if (text) {
      content += text
      onToken(text)
    }
    for (const delta of choice?.delta?.tool_calls ?? []) addToolCall(toolCalls, delta)
    finishReason = textOf(choice?.finish_reason) || finishReason
    if (chunk.usage) counts = countsOf(chunk.usage)
  }
  // A connection that breaks between two frames ends the stream like any other end: only a finish reason says that it was whole.
  if (finishReason === undefined)
    throw new ProviderError('compute_error', 'The provider broke off in the middle of its answer.')
  return { content, toolCalls: toolCalls.filter(({ name }) => name), finishReason, ...counts }
}

/** Throws for what is no chunk, and for an error in the middle of a stream. */
function chunkOf(data: string): Partial<OpenAI.ChatCompletionChunk> {
  const chunk = JSON.parse(data) as (Partial<OpenAI.ChatCompletionChunk> & { error?: unknown }) | null
  if (!chunk || chunk.error) throw unreadable()
  return chunk
}

async function* nothing(): AsyncGenerator<Uint8Array> {}

const textOf = (value: unknown) => (typeof value === 'string' ? value : '')

/** OpenRouter adds what a call cost, in USD. */
export function countsOf(
  usage: (OpenAI.CompletionUsage & { cost?: unknown }) | null | undefined,
): Pick<ModelAnswer, 'tokens' | 'costNanoUsd'> {
  const count = (n: unknown) => (typeof n === 'number' && Number.isSafeInteger(n) && n >= 0 ? n : 0)
  const cost = usage?.cost
  const known = typeof cost === 'number' && cost >= 0 && cost < 1e6
  return {
    tokens: { input: count(usage?.prompt_tokens), output: count(usage?.completion_tokens) },
    costNanoUsd: known ? Math.round(cost * 1e9) : null,
  }
}

const unreadable = () => new ProviderError('compute_error', 'The provider sent an answer that cannot be read.')
