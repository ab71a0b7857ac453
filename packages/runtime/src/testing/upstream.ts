import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'

/** What a provider does when it does not simply answer. */
export type Fault =
  | 'unauthorized'
  | 'payment'
  | 'quota'
  | 'rate'
  | 'not-found'
  | 'server-error'
  | 'garbage'
  | 'hang'
  | 'reset'
  | 'truncate'

/** What a model says to a request. `arguments` is sent as it is. `pauseAfter`: a stream stops after so many words until `release`. */
export type Reply = {
  content?: string
  pauseAfter?: number
  toolCalls?: { id?: string; name: string; arguments: string }[]
}
export type UpstreamRequest = {
  model?: string
  stream?: boolean
  messages?: { role: string; content: string; tool_call_id?: string }[]
  tools?: unknown[]
  tool_choice?: unknown
}

/** An answer by the letter. `chunks` are written one by one; `open`: the connection is left open after them. */
export type RawReply = {
  status?: number
  headers?: Record<string, string>
  chunks?: readonly (string | Uint8Array)[]
  open?: boolean
}

export type Seen = { at: number; key: string; path: string; model: string | null; stream: boolean }

export type UpstreamOptions = {
  /** Keys that are accepted; `any` takes every key, as a server that does not look does. */
  keys?: readonly string[] | 'any'
  models?: readonly string[]
  /** For every call, until changed by `fail`. */
  fault?: Fault
  /** Words of the answer. */
  answer?: string
}

export type Upstream = {
  /** `http://127.0.0.1:<port>/v1`. */
  baseUrl: string
  /** `127.0.0.1:<port>`, for the egress allow list. */
  host: string
  seen: Seen[]
  setKeys(keys: readonly string[] | 'any'): void
  fail(fault: Fault | undefined): void
  /** What is answered from now on; undefined: the words of `answer`. */
  reply(to: ((request: UpstreamRequest) => Reply) | undefined): void
  /** What is sent from now on by the letter, to every request for which it is given. */
  raw(to: ((request: UpstreamRequest, path: string) => RawReply | undefined) | undefined): void
  /** Holds answers back until `release`. */
  hold(): void
  release(): void
  close(): Promise<void>
}

/** An OpenAI-compatible provider on loopback, errors included: a 401 echoes the key, as providers do. OpenRouter's key endpoint is there too. */
export async function startUpstream(options: UpstreamOptions = {}): Promise<Upstream> {
  let { keys = 'any', fault, answer = 'Hello from the upstream.' } = options
  const models = options.models ?? ['gpt-4o', 'gpt-4o-mini', 'o1']
  const seen: Seen[] = []
  let held: Promise<void> | undefined
  let reply: ((request: UpstreamRequest) => Reply) | undefined
  let raw: ((request: UpstreamRequest, path: string) => RawReply | undefined) | undefined
  let open = () => {}
  const accepted = (key: string) => keys === 'any' || keys.includes(key)

  const server = createServer((request, response) => {
    void handle(request, response).catch(() => response.destroy())
  })

  async function handle(request: IncomingMessage, response: ServerResponse) {
    const path = new URL(request.url ?? '/', 'http://localhost').pathname
    const key = (request.headers.authorization ?? '').replace(/^Bearer /, '')
    const body = request.method === 'POST' ? (JSON.parse((await text(request)) || '{}') as UpstreamRequest) : {}
    seen.push({ at: Date.now(), key, path, model: body.model ?? null, stream: body.stream === true })
    if (held) await held
    const letter = raw?.(body, path)
    if (letter) return await byTheLetter(response, letter)
    if (fault && applyFault(fault, response, key)) return
    if (!accepted(key)) return unauthorized(response, key)
    if (path.endsWith('/models'))
      return json(response, 200, { object: 'list', data: models.map((id) => ({ id, object: 'model' })) })
    if (path.endsWith('/key')) return json(response, 200, { data: { label: 'test', usage: 0, limit: null } })
    if (!path.endsWith('/chat/completions')) return json(response, 404, { error: { message: 'Not found' } })
    if (body.model && !models.includes(body.model))
      return json(response, 404, {
        error: { message: `The model ${body.model} does not exist`, code: 'model_not_found' },
      })
    const said = reply?.(body) ?? { content: answer }
    if (body.stream) return await stream(response, said, { model: body.model, cut: fault === 'truncate', paused })
    if (fault === 'truncate') return truncated(response)
    return json(response, 200, completion(said, body.model))
  }

  /** Until `release`. */
  function paused(): Promise<void> {
    const gate = Promise.withResolvers<void>()
    const before = open
    open = () => {
      before()
      gate.resolve()
    }
    return gate.promise
  }

  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    baseUrl: `http://${host}/v1`,
    host,
    seen,
    setKeys: (now) => (keys = now),
    fail: (now) => (fault = now),
    reply: (now) => (reply = now),
    raw: (now) => (raw = now),
    hold() {
      const gate = Promise.withResolvers<void>()
      held = gate.promise
      open = gate.resolve
    },
    release: () => {
      held = undefined
      open()
    },
    async close() {
      open()
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}

async function byTheLetter(response: ServerResponse, { status = 200, headers = {}, chunks = [], open }: RawReply) {
  response.writeHead(status, { 'content-type': 'application/json', ...headers })
  response.flushHeaders()
  for (const chunk of chunks) await new Promise<void>((written) => response.write(chunk, () => written()))
  if (!open) response.end()
}

const usage = { prompt_tokens: 12, completion_tokens: 5, total_tokens: 17 }

const wireCalls = (calls: Reply['toolCalls'] = []) =>
  calls.map(({ id = '', name, arguments: args }, index) => ({
    index,
    id,
    type: 'function',
    function: { name, arguments: args },
  }))

const completion = ({ content = '', toolCalls }: Reply, model = 'gpt-4o') => ({
  id: 'chatcmpl-1',
  object: 'chat.completion',
  created: 1,
  model,
  choices: [
    {
      index: 0,
      message: { role: 'assistant', content, ...(toolCalls && { tool_calls: wireCalls(toolCalls) }) },
      finish_reason: toolCalls ? 'tool_calls' : 'stop',
    },
  ],
  usage,
})

function json(response: ServerResponse, status: number, body: unknown, headers: Record<string, string> = {}) {
  response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body))
}

type StreamOptions = { model: string | undefined; cut: boolean; paused(): Promise<void> }

async function stream(
  response: ServerResponse,
  { content = '', toolCalls, pauseAfter }: Reply,
  { model = 'gpt-4o', cut, paused }: StreamOptions,
) {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  const chunk = (delta: object, finish: string | null) => ({
    id: 'chatcmpl-1',
    object: 'chat.completion.chunk',
    created: 1,
    model,
    choices: [{ index: 0, delta, finish_reason: finish }],
  })
  response.write(`data: ${JSON.stringify(chunk({ role: 'assistant', content: '' }, null))}\n\n`)
  const words = content.match(/\S+\s*/g) ?? []
  for (const [i, word] of (cut ? words.slice(0, 1) : words).entries()) {
    if (i === pauseAfter) await paused()
    response.write(`data: ${JSON.stringify(chunk({ content: word }, null))}\n\n`)
  }
  if (cut) {
    setImmediate(() => response.destroy())
    return
  }
  // The arguments of a call come in pieces.
  for (const call of wireCalls(toolCalls)) {
    const { name, arguments: args } = call.function
    const half = Math.ceil(args.length / 2)
    const pieces = [{ ...call, function: { name, arguments: args.slice(0, half) } }]
    const rest = { index: call.index, function: { arguments: args.slice(half) } }
    for (const piece of [...pieces, rest])
      response.write(`data: ${JSON.stringify(chunk({ tool_calls: [piece] }, null))}\n\n`)
  }
  response.write(`data: ${JSON.stringify(chunk({}, toolCalls ? 'tool_calls' : 'stop'))}\n\n`)
  response.write(`data: ${JSON.stringify({ ...chunk({}, null), choices: [], usage })}\n\n`)
  response.end('data: [DONE]\n\n')
}

function truncated(response: ServerResponse) {
  response.writeHead(200, { 'content-type': 'application/json', 'content-length': '10000' })
  response.write('{"id": "chatcmpl-1", "choices": [')
  setImmediate(() => response.destroy())
}

const unauthorized = (response: ServerResponse, key: string) =>
  json(response, 401, {
    error: {
      message: `Incorrect API key provided: ${key}. You can find your API key at …`,
      type: 'invalid_request_error',
      code: 'invalid_api_key',
    },
  })

/** True when the fault was the answer. */
function applyFault(fault: Fault, response: ServerResponse, key: string): boolean {
  switch (fault) {
    case 'unauthorized':
      unauthorized(response, key)
      return true
    case 'payment':
      json(response, 402, { error: { message: `Insufficient credits for ${key}` } })
      return true
    case 'quota':
      json(response, 429, {
        error: { message: 'You exceeded your current quota', type: 'insufficient_quota', code: 'insufficient_quota' },
      })
      return true
    case 'rate':
      json(
        response,
        429,
        { error: { message: 'Rate limit reached', type: 'requests', code: 'rate_limit_exceeded' } },
        { 'retry-after': '7' },
      )
      return true
    case 'not-found':
      json(response, 404, { error: { message: 'The model does not exist', code: 'model_not_found' } })
      return true
    case 'server-error':
      json(response, 500, { error: { message: `Internal error while handling ${key}` } })
      return true
    case 'garbage':
      response.writeHead(200, { 'content-type': 'application/json' }).end('<html>surprise</html>')
      return true
    case 'hang':
      return true
    case 'reset':
      response.destroy()
      return true
    case 'truncate':
      return false
    default:
      return fault satisfies never
  }
}
