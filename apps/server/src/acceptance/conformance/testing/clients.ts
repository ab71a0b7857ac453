/** One frame, as a client hands it on. */
export type Event = { event: string; data: Record<string, unknown> }

/** As the official clients cut a stream into events: at blank lines of LF, `event:` and `data:` trimmed, anything else passed over. */
export function eventsOf(text: string): Event[] {
  return text.split('\n\n').flatMap((frame) => {
    let [event, data] = ['', '']
    for (const line of frame.split('\n')) {
      if (line.startsWith('event:')) event = line.slice('event:'.length).trim()
      if (line.startsWith('data:')) data = line.slice('data:'.length).trim()
    }
    return event && data ? [{ event, data: JSON.parse(data) as Event['data'] }] : []
  })
}

type Counters = { tokens: number; creditsUsed: number; creditsLeft: number }
/** What a program that uses a client gets to hold. */
export type Result = { id: string; text: string; files: unknown[]; toolCalls: ToolCall[]; counters: Counters }
type ToolCall = { id: string; name: string; arguments: Record<string, unknown> }
type Usage = { tokens_used: number; credits_this_request: number; credits_remaining: number }
type Whole = { id: string; message: string; files: unknown[]; tool_calls: ToolCall[]; usage: Usage }

export class ClientError extends Error {
  override readonly name = 'ClientError'
  readonly code: string
  constructor({ code, message }: { code: string; message: string }) {
    super(message)
    this.code = code
  }
}

/** As the TypeScript client reads a stream: chunks in `text`, counters at the top level of `done`. */
export function typescriptClient(text: string): Omit<Result, 'id' | 'toolCalls'> {
  let said = ''
  for (const { event, data } of eventsOf(text)) {
    if (event === 'token') said += data['text'] as string
    if (event === 'error') throw new ClientError(data as { code: string; message: string })
    if (event !== 'done') continue
    const done = data as unknown as Usage & Whole & { request_id: string }
    if (!done.request_id) throw new TypeError('done without request_id')
    return { text: said || done.message, files: [...done.files], counters: countersOf(done) }
  }
  throw new TypeError('the stream ended without done')
}

/** As the Python client reads one: chunks in `content`, and the whole answer in `response`. */
export function pythonClient(text: string): Result {
  let said = ''
  for (const { event, data } of eventsOf(text)) {
    if (event === 'token') said += data['content'] as string
    if (event === 'error') throw new ClientError(data as { code: string; message: string })
    if (event === 'done') return { ...pythonAnswer(data['response']), text: said }
  }
  throw new TypeError('the stream ended without done')
}

/** As it reads a whole answer: it iterates and looks into these without asking whether they are there, so null is a crash. */
export function pythonAnswer(body: unknown): Result {
  const { id, message, tool_calls: calls, files, usage, meta } = body as Whole & { meta: object }
  if (!('project_id' in meta)) throw new TypeError('meta without project_id')
  const toolCalls = calls.map(({ id: call, name, arguments: args }) => ({ id: call, name, arguments: { ...args } }))
  return {
    id,
    text: message,
    files: files.map((file) => ({ ...(file as object) })),
    toolCalls,
    counters: countersOf(usage),
  }
}

const countersOf = (usage: Usage): Counters => ({
  tokens: integer(usage.tokens_used),
  creditsUsed: integer(usage.credits_this_request),
  creditsLeft: integer(usage.credits_remaining),
})

function integer(value: unknown): number {
  if (!Number.isInteger(value)) throw new TypeError(`not an integer: ${String(value)}`)
  return value as number
}

/** Every place in a JSON value that holds null. */
export function nullsIn(value: unknown, at = '$'): string[] {
  if (value === null) return [at]
  if (typeof value !== 'object') return []
  return Object.entries(value).flatMap(([key, inner]) => nullsIn(inner, `${at}.${key}`))
}
