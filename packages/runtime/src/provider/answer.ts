import type OpenAI from 'openai'
import { APIUserAbortError } from 'openai'
import type { Egress } from '../egress/egress.ts'
import { clientOf } from './client.ts'
import { ProviderError, providerError } from './errors.ts'
import type { ModelTarget } from './target.ts'

export type Message = { role: 'system' | 'user' | 'assistant'; content: string }

export type ModelAnswer = {
  content: string
  finishReason: string
  /** As the provider counts; zeros when it does not tell. */
  tokens: { input: number; output: number }
}

export type AnswerRequest = {
  target: ModelTarget
  messages: readonly Message[]
  signal: AbortSignal
  /** Given: the answer is streamed, and each chunk handed over as it comes. */
  onToken?: ((text: string) => void) | undefined
  /** Until the provider's first byte. The whole is bounded by `signal`. */
  timeoutMs?: number
}

const TIMEOUT_MS = 100_000

/** One call of the model. Throws `ProviderError` or `Aborted`, never the SDK's errors. */
export async function answer(egress: Pick<Egress, 'fetch'>, request: AnswerRequest): Promise<ModelAnswer> {
  const { target, messages, signal, onToken, timeoutMs = TIMEOUT_MS } = request
  const client = clientOf(egress, target, timeoutMs)
  const body = { model: target.model, messages: [...messages] }
  try {
    if (onToken) return await streamed(client, body, signal, onToken)
    return whole(await client.chat.completions.create(body, { signal }))
  } catch (error) {
    throw providerError(
      signal.aborted ? (signal.reason instanceof ProviderError ? signal.reason : new APIUserAbortError()) : error,
    )
  }
}

type Body = { model: string; messages: Message[] }

function whole(completion: OpenAI.ChatCompletion): ModelAnswer {
  // What calls itself compatible may send anything.
  const choice = (completion as Partial<OpenAI.ChatCompletion> | null)?.choices?.[0]
  if (!choice?.message) throw unreadable()
  return {
    content: textOf(choice.message.content),
    finishReason: textOf(choice.finish_reason) || 'stop',
    tokens: tokensOf(completion.usage),
  }
}

async function streamed(
  client: OpenAI,
  body: Body,
  signal: AbortSignal,
  onToken: (text: string) => void,
): Promise<ModelAnswer> {
  const stream = await client.chat.completions.create(
    { ...body, stream: true, stream_options: { include_usage: true } },
    { signal },
  )
  let content = ''
  let finishReason: string | undefined
  let tokens = { input: 0, output: 0 }
  for await (const chunk of stream) {
    const choice = chunk.choices?.[0]
    const text = textOf(choice?.delta?.content)
    if (text) {
      content += text
      onToken(text)
    }
    finishReason = textOf(choice?.finish_reason) || finishReason
    if (chunk.usage) tokens = tokensOf(chunk.usage)
  }
  // A connection that breaks between two frames ends the stream like any other end: only a finish reason says that it was whole.
  if (finishReason === undefined)
    throw new ProviderError('compute_error', 'The provider broke off in the middle of its answer.')
  return { content, finishReason, tokens }
}

const textOf = (value: unknown) => (typeof value === 'string' ? value : '')

function tokensOf(usage: OpenAI.CompletionUsage | null | undefined): ModelAnswer['tokens'] {
  const count = (n: unknown) => (typeof n === 'number' && Number.isSafeInteger(n) && n >= 0 ? n : 0)
  return { input: count(usage?.prompt_tokens), output: count(usage?.completion_tokens) }
}

const unreadable = () => new ProviderError('compute_error', 'The provider sent an answer that cannot be read.')
