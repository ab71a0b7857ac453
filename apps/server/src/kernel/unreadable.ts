import { randomUUID } from 'node:crypto'
import type { Socket } from 'node:net'
import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import { errorBody } from '../runs/contract-error.ts'
import { setSecurityHeaders } from './security-headers.ts'

type Told = { status: number; reason: string; code: string; message: string }
type Options = { publicUrl?: string | undefined; https: boolean }

/** Answers to what no route ever sees: an address or a request that cannot be read. In the shape of the API's errors, and never with what was sent. */
export const unreadable = ({ publicUrl, https }: Options) => ({
  frameworkErrors(_error: FastifyError, request: FastifyRequest, reply: FastifyReply): void {
    setSecurityHeaders(reply, { https })
    const body = errorBody(badAddress, publicUrl ?? `${request.protocol}://${request.host}`)
    void reply.header('x-request-id', request.id).code(badAddress.status).send(body)
  },
  clientErrorHandler(error: Error & { code?: string }, socket: Socket): void {
    // In the middle of an answer to an earlier request this one would be read as a part of it.
    const answered = (socket as Socket & { _httpMessage?: { headersSent: boolean } | null })._httpMessage?.headersSent
    if (error.code === 'ECONNRESET' || !socket.writable || answered) return void socket.destroy()
    const told = toldOf(error.code)
    const body = JSON.stringify(errorBody(told, publicUrl ?? `http://${socket.localAddress}:${socket.localPort}`))
    const headers = [
      `HTTP/1.1 ${told.status} ${told.reason}`,
      'Content-Type: application/json; charset=utf-8',
      `Content-Length: ${Buffer.byteLength(body)}`,
      `X-Request-Id: ${randomUUID()}`,
      'X-Content-Type-Options: nosniff',
      'Connection: close',
    ]
    socket.end(`${headers.join('\r\n')}\r\n\r\n${body}`)
    // Time to read it: a close while the client still sends would reset the connection.
    setTimeout(() => socket.destroy(), LINGER_MS).unref()
  },
})

const LINGER_MS = 2_000

/** What Node says of a request that does not arrive in time. */
export const timedOut = () => Object.assign(new Error('the request did not arrive in time'), { code: TIMEOUT })
const TIMEOUT = 'ERR_HTTP_REQUEST_TIMEOUT'

function toldOf(code: string | undefined): Told {
  if (code === TIMEOUT) return tooSlow
  return code !== undefined && tooMuch.has(code) ? headersTooLarge : badRequest
}

const tooMuch = new Set(['HPE_HEADER_OVERFLOW', 'HPE_CHUNK_EXTENSIONS_OVERFLOW'])
const badAddress: Told = {
  status: 400,
  reason: 'Bad Request',
  code: 'invalid_body',
  message: 'The address of the request cannot be read.',
}
const badRequest: Told = {
  status: 400,
  reason: 'Bad Request',
  code: 'invalid_body',
  message: 'The request cannot be read as HTTP.',
}
const tooSlow: Told = {
  status: 408,
  reason: 'Request Timeout',
  code: 'invalid_body',
  message: 'The request did not arrive in time. Send it again.',
}
const headersTooLarge: Told = {
  status: 413,
  reason: 'Payload Too Large',
  code: 'payload_too_large',
  message: 'The headers of the request are larger than 16 KB.',
}
