import type { Egress } from '../egress/egress.ts'
import { openStream, openWhole } from './completion/open.ts'
import { Aborted, ProviderError } from './errors.ts'
import type { ModelAnswer } from './model-answer.ts'
import { outputBound } from './output-bound.ts'
import { scrubberOf } from './reading/key-scrubber.ts'
import { send } from './send.ts'
import type { ModelTarget } from './target.ts'
import { providerError } from './thrown.ts'
import { WholeCharacters } from './whole-characters.ts'

type WireCall = { id: string; type: 'function'; function: { name: string; arguments: string } }

/** A message of a conversation, as it goes over the wire. What an assistant's has beside these fields is the provider's own. */
export type Message =
  | { role: 'system' | 'user'; content: string }
  | { role: 'assistant'; content: string; tool_calls?: WireCall[] }
  | { role: 'tool'; tool_call_id: string; content: string }

export type ToolChoice = 'auto' | 'none'
export type ToolOffer = {
  tools: readonly { name: string; description: string; parameters: Record<string, unknown> }[]
  choice: ToolChoice
}

export type AnswerRequest = {
  target: ModelTarget
  messages: readonly Message[]
  offer?: ToolOffer
  signal: AbortSignal
  /** Given: the answer is streamed, and each chunk handed over as it comes. */
  onToken?: ((text: string) => void) | undefined
  /** Of one answer, at most. Absent: as many as the model gives. */
  outputTokens?: number | undefined
  /** Until the provider's first byte. The whole is bounded by `signal`. */
  timeoutMs?: number
}

const TIMEOUT_MS = 100_000

/** One call of the model. Throws `ProviderError` or `Aborted`. */
export async function answer(egress: Pick<Egress, 'post'>, request: AnswerRequest): Promise<ModelAnswer> {
  const { target, messages, offer, signal, onToken, outputTokens, timeoutMs = TIMEOUT_MS } = request
  const streamed = onToken && { stream: true, stream_options: { include_usage: true } }
  const bound = outputTokens === undefined ? undefined : outputBound(target, outputTokens)
  const body = { model: target.model, messages, ...toolFields(offer), ...streamed, ...bound?.fields }
  const options = { asked: body, scrubber: scrubberOf(target.key) }
  try {
    const posted = await send(egress, {
      target,
      body,
      optional: { stream_options: {}, ...bound?.optional },
      signal,
      timeoutMs,
    })
    if (!onToken) return (await openWhole(posted, options)).answer
    const stream = await openStream(posted, options)
    const tokens = new WholeCharacters(onToken)
    for await (const frames of stream.frames) for (const { text } of frames) tokens.take(text)
    tokens.end()
    return stream.answer()
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
