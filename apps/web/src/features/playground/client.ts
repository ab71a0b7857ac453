import type { RunAnswer } from '@stewrd/core/runs/wire.ts'

export type Tool = { name: string; description: string; parameters: Record<string, unknown> }
export type Asked = {
  message: string
  fileIds: readonly string[]
  tools: readonly Tool[]
  sessionId: string | undefined
}
export type Watch = {
  signal: AbortSignal
  /** Known before the answer begins: with it the run can be stopped. */
  onRun(runId: string): void
  onToken(text: string): void
  onTool(step: { tool: string; message: string } | { ended: string }): void
}

const headersOf = (apiKey: string) => ({ authorization: `Bearer ${apiKey}` })
const UNREACHABLE = 'The server cannot be reached. Check that it runs, then try again.'

/** Opens a session. */
export const openSession = async (apiKey: string): Promise<string> =>
  ((await json(await fetch('/v1/sessions', { method: 'POST', headers: headersOf(apiKey) }))) as { id: string }).id

/** Uploads a file that goes with a message. */
export async function uploadFile(apiKey: string, file: File): Promise<string> {
  const body = new FormData()
  body.append('file', file)
  return (
    (await json(await fetch('/v1/files', { method: 'POST', headers: headersOf(apiKey), body }))) as { id: string }
  ).id
}

/** Runs the agent as a client would. Throws an error with the server's words. */
export async function ask(
  apiKey: string,
  { message, fileIds, tools, sessionId }: Asked,
  watch: Watch,
): Promise<RunAnswer> {
  const path = sessionId === undefined ? '/v1/agent' : `/v1/sessions/${sessionId}/messages`
  const response = await fetch(path, {
    method: 'POST',
    headers: { ...headersOf(apiKey), 'content-type': 'application/json' },
    body: JSON.stringify({
      message,
      // With tools of the client's own an answer comes whole.
      stream: tools.length === 0,
      ...(fileIds.length > 0 && { files: fileIds.map((file_id) => ({ file_id })) }),
      ...(tools.length > 0 && { tools }),
    }),
    signal: watch.signal,
  })
  const runId = response.headers.get('x-stewrd-run')
  if (runId) watch.onRun(runId)
  if (tools.length > 0 || !response.ok || !response.body) return (await json(response)) as RunAnswer
  for await (const { event, data } of frames(response.body)) {
    const told = JSON.parse(data) as { text: string; tool: string; message: string }
    if (event === 'token') watch.onToken(told.text)
    if (event === 'tool_start') watch.onTool({ tool: told.tool, message: told.message })
    if (event === 'tool_end') watch.onTool({ ended: told.tool })
    if (event === 'error') throw new Error(told.message)
    if (event === 'done') return JSON.parse(data) as RunAnswer
  }
  throw new Error('The connection broke off before the answer was complete. The run goes on: see Runs.')
}

/** Goes on with a run that waits for the outputs of its tools. */
export async function submitOutputs(
  apiKey: string,
  runId: string,
  outputs: readonly { id: string; output: string }[],
  signal: AbortSignal,
): Promise<RunAnswer> {
  const tool_outputs = outputs.map(({ id, output }) => ({ tool_call_id: id, output }))
  const response = await fetch(`/v1/agent/${runId}/tool-outputs`, {
    method: 'POST',
    headers: { ...headersOf(apiKey), 'content-type': 'application/json' },
    body: JSON.stringify({ tool_outputs }),
    signal,
  })
  return (await json(response)) as RunAnswer
}

/** Stops a run, wherever it is carried out. */
export const stopRun = async (apiKey: string, runId: string): Promise<void> =>
  void (await json(await fetch(`/v1/agent/${runId}`, { method: 'DELETE', headers: headersOf(apiKey) })))

async function json(response: Response): Promise<unknown> {
  const body = (await response.json().catch(() => ({}))) as { error?: { message?: string } }
  if (!response.ok) throw new Error(body.error?.message ?? UNREACHABLE)
  return body
}

async function* frames(body: ReadableStream<Uint8Array>): AsyncGenerator<{ event: string; data: string }> {
  const reader = body
    .pipeThrough(new TextDecoderStream() as unknown as ReadableWritablePair<string, Uint8Array>)
    .getReader()
  let rest = ''
  for (;;) {
    const { done, value } = await reader.read()
    if (done) return
    const parts = (rest + value).split('\n\n')
    rest = parts.pop() ?? ''
    for (const part of parts) {
      const lines = part.split('\n')
      const field = (name: string) => lines.find((l) => l.startsWith(`${name}: `))?.slice(name.length + 2)
      const [event, data] = [field('event'), field('data')]
      if (event && data) yield { event, data }
    }
  }
}
