import { beginningOf } from '@stewrd/core/kernel/cut.ts'
import type { Egress } from '../egress/egress.ts'

export const DEMO_MODEL = 'stewrd-demo'
/** Never dialled: `demoFetch` answers in its place. */
export const DEMO_BASE_URL = 'http://demo.stewrd.invalid/v1'

type Request = {
  messages?: { role?: string; content?: unknown }[]
  stream?: boolean
  tools?: { function?: { name?: string } }[]
}
type ToolCall = { id: string; type: 'function'; function: { name: string; arguments: string } }
type Reply = {
  content: string
  toolCalls: ToolCall[]
  usage: { prompt_tokens: number; completion_tokens: number; total_tokens: number }
}

/**
 * An OpenAI-compatible endpoint inside the process: lists one model, answers, streams and calls tools, always the same for the same
 * input, and says in every answer that it is a demo.
 */
export const demoFetch: typeof globalThis.fetch = async (input, init) => {
  const { pathname } = new URL(input instanceof Request ? input.url : input)
  if (pathname.endsWith('/models'))
    return Response.json({
      object: 'list',
      data: [{ id: DEMO_MODEL, object: 'model', created: 0, owned_by: 'stewrd' }],
    })
  if (!pathname.endsWith('/chat/completions'))
    return Response.json({ error: { message: 'Not found' } }, { status: 404 })
  const body = JSON.parse(typeof init?.body === 'string' ? init.body : '{}') as Request
  const reply = replyTo(body)
  return body.stream ? streamed(reply) : Response.json(completion(reply))
}

/** The demo in place of a way out. */
export const demoEgress: Pick<Egress, 'fetch' | 'post'> = {
  fetch: demoFetch,
  post: (url, { body }) => demoFetch(url, { method: 'POST', body }),
}

function replyTo({ messages = [], tools = [] }: Request): Reply {
  const last = messages.at(-1)
  const asked = textOf(messages.findLast((m) => m.role === 'user')?.content)
  const tool = tools[0]?.function?.name
  const toolCalls: ToolCall[] =
    tool && last?.role === 'user'
      ? [{ id: 'call_demo_1', type: 'function', function: { name: tool, arguments: '{}' } }]
      : []
  const content = toolCalls.length ? '' : answerTo(asked, last?.role === 'tool' ? textOf(last.content) : undefined)
  const prompt = messages.reduce((sum, m) => sum + wordsOf(textOf(m.content)).length, 0)
  const completionTokens = wordsOf(content).length
  return {
    content,
    toolCalls,
    usage: { prompt_tokens: prompt, completion_tokens: completionTokens, total_tokens: prompt + completionTokens },
  }
}

function answerTo(asked: string, toolOutput: string | undefined): string {
  const heard = asked.length > 200 ? `${beginningOf(asked, 200)}…` : asked
  const used = toolOutput === undefined ? '' : ` The tool answered: ${beginningOf(toolOutput, 200)}.`
  return `This is the Stewrd demo model, not a real one. You wrote: "${heard}".${used} Set a provider key for this project to get real answers.`
}

const textOf = (content: unknown): string => (typeof content === 'string' ? content : '')
const wordsOf = (text: string): string[] => text.match(/\S+\s*/g) ?? []

const completion = ({ content, toolCalls, usage }: Reply) => ({
  id: 'chatcmpl-demo',
  object: 'chat.completion',
  created: 0,
  model: DEMO_MODEL,
  choices: [
    {
      index: 0,
      message: {
        role: 'assistant',
        content: toolCalls.length ? null : content,
        ...(toolCalls.length && { tool_calls: toolCalls }),
      },
      finish_reason: toolCalls.length ? 'tool_calls' : 'stop',
    },
  ],
  usage,
})

function streamed({ content, toolCalls, usage }: Reply): Response {
  const chunk = (delta: object, finish: string | null) => ({
    id: 'chatcmpl-demo',
    object: 'chat.completion.chunk',
    created: 0,
    model: DEMO_MODEL,
    choices: [{ index: 0, delta, finish_reason: finish }],
  })
  const deltas = toolCalls.length
    ? [{ role: 'assistant', tool_calls: toolCalls.map((call, index) => ({ index, ...call })) }]
    : wordsOf(content).map((word) => ({ content: word }))
  const frames = [
    ...deltas.map((delta) => JSON.stringify(chunk(delta, null))),
    JSON.stringify(chunk({}, toolCalls.length ? 'tool_calls' : 'stop')),
    JSON.stringify({ ...chunk({}, null), choices: [], usage }),
    '[DONE]',
  ]
  return new Response(frames.map((frame) => `data: ${frame}\n\n`).join(''), {
    headers: { 'content-type': 'text/event-stream' },
  })
}
