import { once } from 'node:events'
import type { IncomingHttpHeaders, ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'

export type Received = {
  id: string
  headers: IncomingHttpHeaders
  raw: string
  body: Record<string, unknown>
  at: number
}
type Answer = (response: ServerResponse, nth: number) => void

export type Receiver = {
  /** Over plain http, on loopback. */
  url: string
  host: string
  seen: Received[]
  /** What it answers from now on; `nth` counts from 1. */
  answer(how: Answer): void
  close(): Promise<void>
}

export const ok: Answer = (response) => void response.writeHead(204).end()
export const status =
  (code: number, headers: Record<string, string> = {}): Answer =>
  (response) =>
    void response.writeHead(code, headers).end('SENTINEL-of-the-receiver')

/** A receiver as somebody might run it, which keeps every request that reaches it. */
export async function startReceiver(first: Answer = ok): Promise<Receiver> {
  const seen: Received[] = []
  let how = first
  const server = createServer((request, response) => {
    void text(request).then((raw) => {
      const id = String(request.headers['x-stewrd-webhook-id'])
      const body = raw ? (JSON.parse(raw) as Record<string, unknown>) : {}
      seen.push({ id, headers: request.headers, raw, body, at: Date.now() })
      how(response, seen.length)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`
  return {
    url: `http://${host}/hook?team=7`,
    host,
    seen,
    answer(next) {
      how = next
    },
    async close() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close')
    },
  }
}
