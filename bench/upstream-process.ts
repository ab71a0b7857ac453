// A provider that answers at once, in a process of its own, and tells who called: GET /seen.
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'

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
  await text(request)
  const key = request.headers.authorization?.slice('Bearer '.length) ?? ''
  if (!key.startsWith('sk-bench-')) {
    response.writeHead(401).end('{"error":{"message":"wrong key"}}')
    return
  }
  seen.push({ at: Date.now(), key })
  response.end(answer)
}
server.listen(0, '127.0.0.1', () => process.stdout.write(`${(server.address() as AddressInfo).port}\n`))
