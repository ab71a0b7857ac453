import { ProviderError, RequestRefused } from '@stewrd/runtime/provider/errors.ts'
import type { ContractError } from '../runs/contract-error.ts'

type OpenAiError = {
  status: number
  body: { error: { message: string; type: string; code: string; param: string | null } }
}

/** An error as OpenAI's clients read it: their classes go by the status. */
export function openAiError(error: ContractError): OpenAiError {
  const { code, message, cause } = error
  if (cause instanceof RequestRefused)
    return shaped([403, 404, 413].includes(cause.status ?? 400) ? cause.status! : 400, {
      message,
      type: 'invalid_request_error',
      code: cause.detail.code ?? code,
      param: cause.detail.param,
    })
  const limited = cause instanceof ProviderError && cause.status === 429
  const status = statuses[code] ?? (limited ? 429 : error.status)
  const named = limited && code === 'compute_error' ? 'rate_limit_exceeded' : code
  return shaped(status, { message, type: typeOf(status), code: named, param: null })
}

/** Where the contract's status says something else to these clients. */
const statuses: Record<string, number> = { model_not_found: 404, provider_quota_exceeded: 429 }

function typeOf(status: number): string {
  if (status === 429) return 'rate_limit_error'
  if (status === 401) return 'authentication_error'
  return status >= 500 ? 'api_error' : 'invalid_request_error'
}

const shaped = (status: number, error: OpenAiError['body']['error']): OpenAiError => ({ status, body: { error } })
