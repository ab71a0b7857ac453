import { LLMock } from '@copilotkit/aimock'
import type { Fault, Reply, UpstreamRequest } from '@stewrd/runtime/testing/upstream.ts'
import { startUpstream } from '@stewrd/runtime/testing/upstream.ts'

/** What both servers can be made to do. */
export type CommonFault = Exclude<Fault, 'hang' | 'truncate'>

/** A provider that a test can make say and do what it wants. */
export type Model = {
  name: 'own double' | 'aimock'
  baseUrl: string
  host: string
  /** What it accepts besides: one key. */
  key: string
  /** The last conversation that it was asked to go on with. */
  asked(): UpstreamRequest | undefined
  reply(to: ((request: UpstreamRequest) => Reply) | undefined): void
  fail(fault: CommonFault | undefined): void
  close(): Promise<void>
}

export const GREETING = 'Hello from the model, and a few words more.'

/** Our own double. */
export async function ownDouble(key: string) {
  const upstream = await startUpstream({ keys: [key], answer: GREETING })
  let last: UpstreamRequest | undefined
  const listen = (to?: (request: UpstreamRequest) => Reply) =>
    upstream.reply((request) => {
      last = request
      return to?.(request) ?? { content: GREETING }
    })
  listen()
  const { baseUrl, host, fail, close } = upstream
  const model: Model = { name: 'own double', baseUrl, host, key, asked: () => last, reply: listen, fail, close }
  return { ...model, upstream }
}

/** A server that somebody else wrote. What it cannot match it answers with 404: so one rule matches everything. */
export async function neutralServer(key: string): Promise<Model> {
  const mock = new LLMock({ port: 0, host: '127.0.0.1', logLevel: 'silent', auth: { apiKeys: [key] } })
  let reply: ((request: UpstreamRequest) => Reply) | undefined
  let fault: CommonFault | undefined
  let last: UpstreamRequest | undefined
  mock.on({ predicate: () => true }, (request) => {
    last = request as UpstreamRequest
    const refusal = fault && refusals[fault]
    if (refusal) return refusal
    const { content = '', toolCalls } = reply?.(last) ?? { content: GREETING }
    const calls = toolCalls?.map((call, n) => ({ id: `call_${n}`, ...call }))
    return { content, ...(calls && { toolCalls: calls }) }
  })
  await mock.start()
  return {
    name: 'aimock',
    baseUrl: `${mock.baseUrl}/v1`,
    host: new URL(mock.baseUrl).host,
    key,
    asked: () => last,
    reply: (to) => (reply = to),
    fail(now) {
      fault = now
      mock.clearChaos()
      if (now === 'garbage') mock.setChaos({ malformedRate: 1 })
      if (now === 'reset') mock.setChaos({ disconnectRate: 1 })
    },
    close: () => mock.stop(),
  }
}

const refused = (status: number, message: string, code: string, type = 'invalid_request_error') => ({
  status,
  error: { message, type, code },
})
const refusals: Partial<Record<CommonFault, ReturnType<typeof refused>>> = {
  unauthorized: refused(401, 'Incorrect API key provided.', 'invalid_api_key'),
  payment: refused(402, 'Insufficient credits.', 'insufficient_credits'),
  quota: refused(429, 'You exceeded your current quota.', 'insufficient_quota', 'insufficient_quota'),
  rate: refused(429, 'Rate limit reached.', 'rate_limit_exceeded', 'requests'),
  'not-found': refused(404, 'The model does not exist.', 'model_not_found'),
  'server-error': refused(500, 'The server had an error.', 'server_error', 'server_error'),
}
