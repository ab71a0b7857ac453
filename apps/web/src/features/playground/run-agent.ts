export type AgentAnswer = {
  id: string
  message: string
  meta: {
    model: string
    provider: string
    key_source: 'project' | 'default' | 'demo'
    config_revision: number
    key_fingerprint?: string
    duration_ms: number
  }
  usage: { tokens_used: number }
}

/** Calls `/v1/agent` and hands over tokens as they come. Throws an error with the server's words. */
export async function runAgent(
  apiKey: string,
  message: string,
  { signal, onToken }: { signal: AbortSignal; onToken: (text: string) => void },
): Promise<AgentAnswer> {
  const response = await fetch('/v1/agent', {
    method: 'POST',
    headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ message, stream: true }),
    signal,
  })
  if (!response.ok || !response.body) {
    const body = (await response.json().catch(() => ({}))) as { error?: { message?: string } }
    throw new Error(body.error?.message ?? 'The server cannot be reached. Check that it runs, then try again.')
  }
  for await (const { event, data } of frames(response.body)) {
    if (event === 'token') onToken((JSON.parse(data) as { text: string }).text)
    if (event === 'error') throw new Error((JSON.parse(data) as { message: string }).message)
    if (event === 'done') return JSON.parse(data) as AgentAnswer
  }
  throw new Error('The connection broke off before the answer was complete. The run goes on: see Runs.')
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
