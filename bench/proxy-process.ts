// The least that a proxy can do: pass a request on to TARGET over kept connections, in a process of its own. With DATABASE_URL it also
// records each call as little as that can be done, in two plain rows: one before the call, the other before (END=first) or after its answer.
// Rows that wait at the same moment share a statement.
import { randomUUID } from 'node:crypto'
import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import type { Sql } from '@stewrd/db/connect.ts'
import { connect } from '@stewrd/db/connect.ts'
import { Agent, request as call } from 'undici'

const { TARGET, DATABASE_URL, END } = process.env
const dispatcher = new Agent({ connections: 64 })
const sql = DATABASE_URL === undefined ? undefined : connect(DATABASE_URL, { role: null })
// As many bytes as a sealed event has.
const payload = Buffer.alloc(340, 7)
let waiting: { row: { id: string; type: string; at: Date; data: Buffer }; done(): void }[] = []
/** More statements at once than one, so that the disk does not wait for us. */
const IN_FLIGHT = 6
let flying = 0

async function record(type: string) {
  if (!sql) return
  const { promise, resolve } = Promise.withResolvers<void>()
  waiting.push({ row: { id: randomUUID(), type, at: new Date(), data: payload }, done: resolve })
  queueMicrotask(() => void write(sql))
  await promise
}

async function write(to: Sql) {
  if (waiting.length === 0 || flying === IN_FLIGHT) return
  const batch = waiting
  waiting = []
  flying += 1
  await to`insert into plain_calls ${to(batch.map(({ row }) => row))}`
  flying -= 1
  for (const { done } of batch) done()
  await write(to)
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
