import type { Posted } from '../../egress/post.ts'
import { KeyScrubber } from '../reading/key-scrubber.ts'
import type { Asked, ReadOptions } from './chunk-reader.ts'
import { openStream, openWhole } from './open.ts'

export const key = 'sk-proj-SENTINELab12CD34ef56GH78ij90KL12'
const scrubber = new KeyScrubber(key)

export const usage = { prompt_tokens: 11, completion_tokens: 7, total_tokens: 18 }
const base = { id: 'c-1', object: 'chat.completion.chunk', created: 1_790_000_000, model: 'm1' }
export const chunk = (delta: object, finish: string | null = null, more: object = {}) => ({
  ...base,
  choices: [{ index: 0, delta, finish_reason: finish }],
  ...more,
})
export const counters = { ...base, choices: [], usage }
export const frame = (value: unknown) => `data: ${typeof value === 'string' ? value : JSON.stringify(value)}\n\n`
/** A whole stream of these chunks. */
export const streamOf = (...chunks: unknown[]) => [...chunks, '[DONE]'].map(frame).join('')
export const completion = (message: object, finish: string | null = 'stop', more: object = {}) => ({
  ...base,
  object: 'chat.completion',
  choices: [{ index: 0, message: { role: 'assistant', ...message }, finish_reason: finish }],
  usage,
  ...more,
})

/** An answer whose body comes in these pieces. `fails`: then the connection breaks. */
export function posted(pieces: readonly (string | Uint8Array)[], { type = 'text/event-stream', fails = false } = {}) {
  const cancelled = { now: false }
  const bytes = pieces.map((piece) => Buffer.from(piece as Uint8Array))
  async function* body(): AsyncGenerator<Uint8Array> {
    for (const piece of bytes) yield piece
    if (fails) throw new Error('other side closed')
  }
  const answer: Posted = {
    status: 200,
    headers: { get: (name) => (name === 'content-type' ? type : null) },
    text: async () => (fails ? Promise.reject(new Error('terminated')) : Buffer.concat(bytes).toString()),
    body: body(),
    cancel: () => void (cancelled.now = true),
  }
  return { answer, cancelled }
}

type Heard = {
  json: string[]
  text: string
  error?: unknown
  answer?: ReturnType<Awaited<ReturnType<typeof openStream>>['answer']>
}

const optionsFor = (asked: Asked): ReadOptions => ({ asked: { messages: [], ...asked }, scrubber })

/** What a client of a stream gets to see, and what a record has of it: `answer`, or else the error. */
export async function stream(
  pieces: readonly (string | Uint8Array)[],
  asked: Asked = {},
  how: Parameters<typeof posted>[1] = {},
): Promise<Heard> {
  const heard: Heard = { json: [], text: '' }
  try {
    const { frames, answer } = await openStream(posted(pieces, how).answer, optionsFor({ stream: true, ...asked }))
    for await (const some of frames)
      for (const { json, text } of some) {
        heard.json.push(json)
        heard.text += text
      }
    heard.answer = answer()
  } catch (error) {
    heard.error = error
  }
  return heard
}

export const whole = async (text: string, asked: Asked = {}, type = 'application/json') =>
  await openWhole(posted([text], { type }).answer, optionsFor(asked))

type Call = { id?: string; name: string; arguments: string }
type Read = { text: string; calls: Call[]; finish: string | undefined; errors: number }
type WireDelta = {
  content?: string
  tool_calls?: { index: number; id?: string; function?: { name?: string; arguments?: string } }[]
}

/** The first choice of these chunks, as OpenAI's client puts it together. */
export function readAsClient(json: readonly string[]): Read {
  const read: Read = { text: '', calls: [], finish: undefined, errors: 0 }
  for (const text of json) {
    const value = JSON.parse(text) as {
      error?: unknown
      choices: { index: number; delta: WireDelta; finish_reason?: string }[]
    }
    if (value.error) read.errors++
    for (const { index, delta, finish_reason: finish } of value.choices) {
      if (index !== 0) continue
      read.text += delta.content ?? ''
      for (const { index: at, id, function: f } of delta.tool_calls ?? []) {
        const call = (read.calls[at] ??= { name: '', arguments: '' })
        if (id) call.id = id
        if (f?.name) call.name += f.name
        call.arguments += f?.arguments ?? ''
      }
      if (finish) read.finish = finish
    }
  }
  return read
}
