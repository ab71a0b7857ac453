// The least that a proxy can do: pass a request on to TARGET over kept connections, in a process of its own.
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Agent, request as call } from 'undici'

const dispatcher = new Agent({ connections: 64 })
const server = createServer((request, response) => void pass(request, response))

async function pass(request: IncomingMessage, response: ServerResponse) {
  const { statusCode, headers, body } = await call(`${process.env.TARGET}${request.url}`, {
    method: 'POST',
    headers: { authorization: request.headers.authorization!, 'content-type': 'application/json' },
    body: request,
    dispatcher,
  })
  response.writeHead(statusCode, { 'content-type': String(headers['content-type']) })
  body.pipe(response)
}
server.listen(0, '127.0.0.1', () => process.stdout.write(`${(server.address() as AddressInfo).port}\n`))
