import { Refusal } from '@stewrd/core/kernel/errors.ts'
import type { Secret } from '@stewrd/crypto/secret.ts'
import type { Egress } from '@stewrd/runtime/egress/egress.ts'
import { signatureOf } from './signature.ts'

/** Our words for what came of a request; `null` is a 2xx. Nothing of what the receiver answers is kept. */
export type SendError = 'HTTP_STATUS' | 'REDIRECT_REFUSED' | 'ADDRESS_REFUSED' | 'TIMEOUT' | 'UNREACHABLE'
export type Sent = { responseCode: number | null; error: SendError | null; latencyMs: number }

export type Request = {
  url: string
  id: string
  body: string
  secrets: readonly Secret[]
  /** Unix milliseconds: the time that is signed. */
  now: number
  timeoutMs: number
  /** Breaks off, and throws `SendStopped`. */
  stopped?: AbortSignal
}

/** This server stops: what came of the request is not known, and it is sent again. */
export class SendStopped extends Error {
  override readonly name = 'SendStopped'
}

/** Posts a signed body. Follows no redirect, connects to no private address, and does not read the answer's body. */
export async function send(
  egress: Egress,
  { url, id, body, secrets, now, timeoutMs, stopped }: Request,
): Promise<Sent> {
  const began = performance.now()
  const seconds = Math.floor(now / 1000)
  const ended = (responseCode: number | null, error: SendError | null): Sent => ({
    responseCode,
    error,
    latencyMs: Math.round(performance.now() - began),
  })
  try {
    const response = await egress.fetch(url, {
      method: 'POST',
      redirect: 'manual',
      headers: {
        'content-type': 'application/json',
        'user-agent': 'Stewrd-Webhooks/1.0',
        'x-stewrd-signature': signatureOf(secrets, seconds, body),
        'x-stewrd-webhook-id': id,
        'x-stewrd-webhook-timestamp': String(seconds),
      },
      body,
      signal: AbortSignal.any([AbortSignal.timeout(timeoutMs), ...(stopped ? [stopped] : [])]),
    })
    // However large it is: the connection is given up.
    response.body?.cancel().catch(() => {})
    const { status, ok } = response
    if (ok) return ended(status, null)
    return ended(status, status >= 300 && status < 400 ? 'REDIRECT_REFUSED' : 'HTTP_STATUS')
  } catch (error) {
    if (stopped?.aborted) throw new SendStopped('the server stops', { cause: error })
    return ended(null, reasonOf(error))
  }
}

function reasonOf(error: unknown): SendError {
  if (!(error instanceof Error)) return 'UNREACHABLE'
  if (error.name === 'TimeoutError' || error.name === 'AbortError') return 'TIMEOUT'
  const { cause } = error
  if (cause instanceof Refusal && cause.code === 'BASE_URL_REFUSED') return 'ADDRESS_REFUSED'
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined
  return code === 'UND_ERR_HEADERS_TIMEOUT' || code === 'UND_ERR_CONNECT_TIMEOUT' ? 'TIMEOUT' : 'UNREACHABLE'
}
