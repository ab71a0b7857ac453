import { nameText, storable } from '@stewrd/core/kernel/text.ts'
import { z } from 'zod'
import { ContractError } from '../runs/contract-error.ts'

/** What we must understand of a chat completion; everything else is the provider's business, and is passed on as it came. */
export const ChatCompletionRequest = z.looseObject({
  model: nameText(200).optional(),
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
  const issue = parsed.error.issues[0]!
  const problem = issue.code === 'custom' ? issue.message : 'is missing or has a wrong type.'
  throw new ContractError('invalid_body', `The field "${issue.path.join('.')}" ${problem}`)
}

/** The client's model; undefined for the project's own. */
export const modelOf = ({ model }: ChatCompletionRequest) =>
  model === undefined || model === '' || model === 'default' ? undefined : model

/** What the last message of the user says, as it is recorded: the history shows a run by it. The provider gets it as it came. */
export const lastText = (request: ChatCompletionRequest): string => storable(lastTextOf(request))

function lastTextOf({ messages }: ChatCompletionRequest): string {
  const content = messages.findLast(({ role }) => role === 'user')?.['content']
  if (typeof content === 'string') return content
  if (!Array.isArray(content)) return ''
  return content.flatMap((part: unknown) => (isText(part) ? [part.text] : [])).join('\n')
}

const isText = (part: unknown): part is { text: string } =>
  typeof part === 'object' && part !== null && 'text' in part && typeof part.text === 'string'
