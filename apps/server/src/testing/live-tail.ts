import type { HistoryEntry } from '../history/entry.ts'
import type { RouterInputs } from '../app-router.ts'
import type { TestServer } from './server.ts'

type Row = { id: string; entry: HistoryEntry }
export type LiveTail = { take(count: number): Promise<Row[]>; close(): void }

/** Reads `history.tail` as a browser's EventSource does. Resolves when the server has begun to answer. */
export async function liveTail(
  { url, cookie }: Pick<TestServer, 'url' | 'cookie'>,
  input: RouterInputs['history']['tail'],
  lastEventId?: string,
): Promise<LiveTail> {
  const abort = new AbortController()
  const query = new URLSearchParams({ input: JSON.stringify(input) })
  const response = await fetch(`${url}/trpc/history.tail?${query.toString()}`, {
    headers: { cookie, accept: 'text/event-stream', ...(lastEventId && { 'last-event-id': lastEventId }) },
    signal: abort.signal,
  })
  if (!response.ok || !response.body) throw new Error(`the tail answered ${response.status}: ${await response.text()}`)
  const rows = parsed(response.body)
  await rows.next() // `connected`
  return {
    async take(count) {
      const taken: Row[] = []
      while (taken.length < count) {
        const { value, done } = await rows.next()
        if (done) throw new Error('the tail ended')
        if (value) taken.push(value)
      }
      return taken
    },
    close: () => abort.abort(),
  }
}

/** One row for each frame; undefined for frames that carry none. */
async function* parsed(body: ReadableStream<Uint8Array>): AsyncGenerator<Row | undefined> {
  let text = ''
  for await (const chunk of body.pipeThrough(new TextDecoderStream())) {
    text += chunk
    const frames = text.split('\n\n')
    text = frames.pop() ?? ''
    for (const frame of frames) yield rowOf(frame)
  }
}

function rowOf(frame: string): Row | undefined {
  const fields = new Map(
    frame.split('\n').map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1).trim()]),
  )
  if (fields.has('event') || !fields.has('id')) return undefined
  return { id: fields.get('id')!, entry: JSON.parse(fields.get('data')!) as HistoryEntry }
}
