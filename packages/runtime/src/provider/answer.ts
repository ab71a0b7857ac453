import type OpenAI from 'openai'
import { APIUserAbortError } from 'openai'
import type { Egress } from '../egress/egress.ts'
import { clientOf } from './client.ts'
import { ProviderError, providerError } from './errors.ts'
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

/** One call of the model. Throws `ProviderError` or `Aborted`, never the SDK's errors. */
export async function answer(egress: Pick<Egress, 'fetch'>, request: AnswerRequest): Promise<ModelAnswer> {
  const { target, messages, offer, signal, onToken, timeoutMs = TIMEOUT_MS } = request
  const client = clientOf(egress, target)
  const body = { model: target.model, messages: [...messages], ...toolFields(offer) }
  try {
    const options = { signal, timeout: timeoutMs }
    if (onToken) return await streamed(client, body, options, onToken)
    return whole(await client.chat.completions.create(body, options))
  } catch (error) {
    throw providerError(
      signal.aborted ? (signal.reason instanceof ProviderError ? signal.reason : new APIUserAbortError()) : error,
    )
  }
}

type Body = { model: string; messages: Message[] } & ReturnType<typeof toolFields>

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

async function streamed(
  client: OpenAI,
  body: Body,
  options: { signal: AbortSignal; timeout: number },
  onToken: (text: string) => void,
): Promise<ModelAnswer> {
  const stream = await client.chat.completions.create(
    { ...body, stream: true, stream_options: { include_usage: true } },
    options,
  )
  let content = ''
  const toolCalls: ToolCall[] = []
  let finishReason: string | undefined
  let counts = countsOf(undefined)
  for await (const chunk of stream) {
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
