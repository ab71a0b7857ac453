// The least that a proxy can do: pass a request on to TARGET over kept connections, in a process of its own. With DATABASE_URL it also
// records each call as little as that can be done, in two plain rows: one before the call, the other before (END=first) or after its answer.
import { randomUUID } from 'node:crypto'
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { connect } from '@stewrd/db/connect.ts'
import { Agent, request as call } from 'undici'

const { TARGET, DATABASE_URL, END } = process.env
const dispatcher = new Agent({ connections: 64 })
const sql = DATABASE_URL === undefined ? undefined : connect(DATABASE_URL, { role: null })
// As many bytes as a sealed event has.
const payload = Buffer.alloc(340, 7)
async function record(type: string) {
  if (!sql) return
  await sql`insert into plain_calls (id, type, at, data) values (${randomUUID()}, ${type}, ${new Date()}, ${payload})`
}

const server = createServer((request, response) => void pass(request, response))

async function pass(request: IncomingMessage, response: ServerResponse) {
  await record('started')
  const { statusCode, headers, body } = await call(`${TARGET}${request.url}`, {
    method: 'POST',
    headers: { authorization: request.headers.authorization!, 'content-type': 'application/json' },
    body: request,
    dispatcher,
  })
  const type = String(headers['content-type'])
  if (END === 'first') {
    const answer = await text(body)
    await record('ended')
    response.writeHead(statusCode, { 'content-type': type }).end(answer)
    return
  }
  response.writeHead(statusCode, { 'content-type': type })
  body.pipe(response)
  await record('ended')
}
server.listen(0, '127.0.0.1', () => process.stdout.write(`${(server.address() as AddressInfo).port}\n`))
