// A provider that answers at once, in a process of its own, and tells who called: GET /seen.
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'

let seen: { at: number; key: string }[] = []
const answer = JSON.stringify({
  id: 'chatcmpl-bench',
  object: 'chat.completion',
  created: 1,
  model: 'bench',
  choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content: 'Hello from the upstream.' } }],
  usage: { prompt_tokens: 10, completion_tokens: 7, total_tokens: 17 },
})

const server = createServer((request, response) => void respond(request, response))

async function respond(request: IncomingMessage, response: ServerResponse) {
  response.setHeader('content-type', 'application/json')
  if (request.url === '/seen') {
    response.end(JSON.stringify(seen))
    seen = []
    return
  }
  const { stream } = JSON.parse(await text(request)) as { stream?: boolean }
  const key = request.headers.authorization?.slice('Bearer '.length) ?? ''
  if (!key.startsWith('sk-bench-')) {
    response.writeHead(401).end('{"error":{"message":"wrong key"}}')
    return
  }
  seen.push({ at: Date.now(), key })
  if (stream) await streamed(response)
  else response.end(answer)
}
const words = 'A stream of words that comes one by one, as models write.'.split(' ')
/** Between two words; 0: as fast as it goes. */
const pause = Number(process.env.PAUSE_MS ?? 0)

async function streamed(response: ServerResponse) {
  response.setHeader('content-type', 'text/event-stream')
  const frame = (delta: object, finish: string | null = null) =>
    `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'bench', choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`
  for (const word of words) {
    response.write(frame({ content: `${word} ` }))
    if (pause > 0) await delay(pause)
  }
  response.write(frame({}, 'stop'))
  response.end('data: [DONE]\n\n')
}
server.listen(0, '127.0.0.1', () => process.stdout.write(`${(server.address() as AddressInfo).port}\n`))
