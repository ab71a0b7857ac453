import { z } from 'zod'
import { ContractError } from '../runs/contract-error.ts'

/** What we must understand of a chat completion; everything else is the provider's business, and is passed on as it came. */
export const ChatCompletionRequest = z.looseObject({
  model: z.string().max(200).optional(),
  messages: z.array(z.looseObject({ role: z.string() })).min(1),
  stream: z.boolean().optional(),
  stream_options: z.looseObject({ include_usage: z.boolean().optional() }).optional(),
})
export type ChatCompletionRequest = z.infer<typeof ChatCompletionRequest>

/** The body, or 400 `invalid_body` that names the field. */
export function parseChatCompletion(body: unknown): ChatCompletionRequest {
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw new ContractError('invalid_body', 'The body must be a JSON object.')
  const given = Object.entries(body).filter(([, value]) => value !== null)
  const parsed = ChatCompletionRequest.safeParse(Object.fromEntries(given))
  if (parsed.success) return parsed.data
  const field = parsed.error.issues[0]!.path.join('.')
  throw new ContractError('invalid_body', `The field "${field}" is missing or has a wrong type.`)
}

/** The client's model; undefined for the project's own. */
export const modelOf = ({ model }: ChatCompletionRequest) =>
  model === undefined || model === '' || model === 'default' ? undefined : model

/** What the last message of the user says: the history shows a run by it. */
export function lastText({ messages }: ChatCompletionRequest): string {
  const content = messages.findLast(({ role }) => role === 'user')?.['content']
  if (typeof content === 'string') return content
  if (!Array.isArray(content)) return ''
  return content.flatMap((part: unknown) => (isText(part) ? [part.text] : [])).join('\n')
}

const isText = (part: unknown): part is { text: string } =>
  typeof part === 'object' && part !== null && 'text' in part && typeof part.text === 'string'
