import type { RawReply } from '@stewrd/runtime/testing/upstream.ts'
import { expect, vi } from 'vitest'
import type { Bed } from '../runs/v1.testing.ts'
import { frames, keyA } from '../runs/v1.testing.ts'

const usage = { prompt_tokens: 11, completion_tokens: 7, total_tokens: 18 }
export const chunk = (delta: object, finish: string | null = null) => ({
  id: 'c',
  object: 'chat.completion.chunk',
  choices: [{ index: 0, delta, finish_reason: finish }],
})
export const sse = (...values: unknown[]): RawReply => ({
  headers: { 'content-type': 'text/event-stream' },
  chunks: values.map((value) => `data: ${typeof value === 'string' ? value : JSON.stringify(value)}\n\n`),
})
export const whole = (message: object, more: object = {}): RawReply => ({
  chunks: [
    JSON.stringify({
      id: 'c',
      object: 'chat.completion',
      choices: [{ index: 0, message: { role: 'assistant', ...message }, finish_reason: 'stop' }],
      usage,
      ...more,
    }),
  ],
})
export const error = (status: number, body: unknown, headers: Record<string, string> = {}): RawReply => ({
  status,
  headers,
  chunks: [typeof body === 'string' ? body : JSON.stringify(body)],
})

export type Door = 'chat' | 'agent'
export type Question = { door: Door; stream: boolean; reply?: RawReply | undefined; more?: object }
type Told = {
  status: number
  headers: Headers
  text: string
  run: {
    status?: string
    message?: string
    error?: { message: string }
    usage: Record<string, unknown>
    meta: Record<string, unknown>
  }
}

/** What a client is told, and what stands in the record once the run has ended. */
export async function askDoor(bed: Bed, { door, stream, reply, more = {} }: Question): Promise<Told> {
  if (reply) bed.upstream.raw((_, path) => (path.endsWith('/chat/completions') ? reply : undefined))
  const headers = { authorization: `Bearer ${bed.project.apiKey}`, 'content-type': 'application/json' }
  const body = door === 'chat' ? { model: 'default', messages: [{ role: 'user', content: 'Hi' }] } : { message: 'Hi' }
  const path = door === 'chat' ? '/v1/chat/completions' : '/v1/agent'
  const response = await fetch(bed.server.url + path, {
    method: 'POST',
    headers,
    body: JSON.stringify({ ...body, stream, ...more }),
  })
  const text = await response.text()
  const url = `${bed.server.url}/v1/agent/${response.headers.get('x-stewrd-run') ?? frames(text).at(-1)!.data.id}`
  const run = await vi.waitFor(async () => {
    const read = (await (await fetch(url, { headers })).json()) as Told['run']
    expect(read.status).not.toBe('in_progress')
    return read
  }, 20_000)
  return { status: response.status, headers: response.headers, text, run }
}

const chars = keyA.split('')
const code = (spell: (hex: string) => string) =>
  chars.map((char) => spell(char.charCodeAt(0).toString(16).padStart(2, '0'))).join('')
/** How a provider may write the key. */
export const spellings: Record<string, string> = {
  plain: keyA,
  reversed: chars.toReversed().join(''),
  upper: keyA.toUpperCase(),
  cut: keyA.slice(0, -8),
  base64: Buffer.from(keyA).toString('base64'),
  basic: Buffer.from(`user:${keyA}`).toString('base64'),
  base64url: Buffer.from(`Bearer ${keyA}`).toString('base64url'),
  twice: Buffer.from(Buffer.from(keyA).toString('base64')).toString('base64'),
  hex: Buffer.from(keyA).toString('hex'),
  percent: code((hex) => `%${hex}`),
  json: code((hex) => `\\u00${hex}`),
  html: code((hex) => `&#x${hex};`),
  spread: chars.join(' '),
}
const half = (text: string) => [text.slice(0, Math.floor(text.length / 2)), text.slice(Math.floor(text.length / 2))]
export const tool = { name: 'lookup', description: 'Looks up.', parameters: { type: 'object' } }
const toolCall = (args: string) => ({
  index: 0,
  id: 'c1',
  type: 'function',
  function: { name: 'lookup', arguments: JSON.stringify({ q: args }) },
})
/** As it is between quotation marks: `"\u0073"` in JSON is another way to write `"s"`. */
const escaped = (text: string) => `{"error":"${text}"}`

/** Where it may stand in an answer. */
export const places: Record<string, (spelled: string) => RawReply> = {
  'a whole answer': (spelled) => whole({ content: `The key is ${spelled}.` }),
  'an unknown field': (spelled) => whole({ content: 'ok' }, { provider: { [spelled]: [spelled] } }),
  'a stream, cut over two frames': (spelled) =>
    sse(...half(`is ${spelled}.`).map((content) => chunk({ content })), chunk({}, 'stop'), '[DONE]'),
  'an error': (spelled) => error(400, escaped(spelled)),
  'param and code': (spelled) => error(400, { error: { message: 'No', param: spelled, code: spelled, type: spelled } }),
  'an error in a stream': (spelled) => sse(chunk({ content: 'One' }), { error: { message: spelled, code: spelled } }),
  'a page': (spelled) => ({ ...error(400, `<html>${spelled}</html>`), headers: { 'content-type': 'text/html' } }),
  'a header': (spelled) =>
    error(
      429,
      { error: 'Slow' },
      { 'retry-after': '30', 'x-request-id': encodeURI(spelled), 'set-cookie': encodeURI(spelled) },
    ),
  'the arguments of a tool': (spelled) => whole({ content: null, tool_calls: [toolCall(spelled)] }),
  'a redirect': (spelled) => error(302, spelled, { location: `https://elsewhere.example/${encodeURI(spelled)}` }),
}
