import { once } from 'node:events'
import type { Server } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json, text } from 'node:stream/consumers'
import { setTimeout as delay } from 'node:timers/promises'
import { between } from './until.ts'

export type Double = { host: string; calls(): number; close(): Promise<void> }
export type Receiver = Double & { delivered: ReadonlySet<string> }

/** A provider that takes 20 to 200 ms for an answer, and streams one word by word. */
export async function startProvider(key: string): Promise<Double> {
  let calls = 0
  const server = createServer((request, response) => {
    void text(request).then(async (body) => {
      if (request.headers.authorization !== `Bearer ${key}`) return response.writeHead(401).end('{}')
      const { stream, model } = JSON.parse(body || '{}') as { stream?: boolean; model?: string }
      if (request.method === 'GET') return response.end('{"object":"list","data":[]}')
      calls++
      await delay(between(20, 200))
      if (!stream) {
        response.setHeader('content-type', 'application/json')
        return response.end(JSON.stringify(completion(model)))
      }
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      for (const word of words) {
        response.write(frame(model, { content: word }, null))
        await delay(between(5, 40))
      }
      response.write(frame(model, {}, 'stop'))
      return response.end('data: [DONE]\n\n')
    })
  })
  return { ...(await listening(server)), calls: () => calls }
}

/** Takes webhooks, and keeps which runs they told of. */
export async function startReceiver(): Promise<Receiver> {
  const delivered = new Set<string>()
  let calls = 0
  const server = createServer((request, response) => {
    void json(request).then((body) => {
      calls++
      delivered.add((body as { id: string }).id)
      response.writeHead(204).end()
    })
  })
  return { ...(await listening(server)), calls: () => calls, delivered }
}

const words = ['Hello ', 'from ', 'the ', 'provider.']
const usage = { prompt_tokens: 10, completion_tokens: 4, total_tokens: 14 }
const completion = (model = 'm') => ({
  id: 'c',
  object: 'chat.completion',
  created: 1,
  model,
  choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content: words.join('') } }],
  usage,
})
const frame = (model = 'm', delta: object, finish: string | null) =>
  `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model, choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`

async function listening(server: Server): Promise<Omit<Double, 'calls'>> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    async close() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}
