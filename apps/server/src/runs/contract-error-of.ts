import { Refusal } from '@stewrd/core/kernel/errors.ts'
import { StoreUnavailable } from '@stewrd/core/kernel/execute.ts'
import type { FastifyRequest } from 'fastify'
import { errorFields } from '../kernel/log.ts'
import { StorageLimitReached } from '../files/quota.ts'
import { FileTooLarge } from '../files/service.ts'
import { StorageError } from '../files/storage.ts'
import { ContractError } from './contract-error.ts'

/** Bytes of a body of `/v1`. */
export const BODY_LIMIT = 10 * 1024 * 1024

/** Any error as the contract names it. */
function contractErrorOf(error: unknown, { routeOptions }: FastifyRequest): ContractError {
  if (error instanceof ContractError) return error
  if (error instanceof StoreUnavailable)
    return new ContractError('service_unavailable', 'The database is not available. Try again in a moment.', {
      retryAfter: 2,
      cause: error,
    })
  if (error instanceof Refusal && error.code === 'PROJECT_SHREDDED')
    return new ContractError('invalid_api_key', 'The project of this API key was shredded.', { cause: error })
  if (error instanceof Refusal && error.code === 'EVENT_UNKNOWN')
    return new ContractError('service_unavailable', error.message, { retryAfter: 30, cause: error })
  if (error instanceof FileTooLarge) return new ContractError('payload_too_large', error.message, { cause: error })
  if (error instanceof StorageLimitReached)
    return new ContractError('storage_limit_reached', error.message, { cause: error })
  if (error instanceof StorageError)
    return new ContractError('service_unavailable', error.message, { retryAfter: 5, cause: error })
  const status = error instanceof Error && 'statusCode' in error ? error.statusCode : undefined
  if (status === 413)
    return new ContractError('payload_too_large', `The body is larger than ${routeOptions.bodyLimit / 1024 / 1024} MB.`)
  if (status === 415) return new ContractError('invalid_body', 'The content type must be application/json.')
  if (status === 400) return new ContractError('invalid_body', 'The body cannot be read as JSON.')
  return new ContractError('compute_error', 'Something went wrong on the server.', { cause: error })
}

/** What a client is told; what is a fault of ours is logged. */
export function seenError(error: unknown, request: FastifyRequest): ContractError {
  const known = contractErrorOf(error, request)
  if (known.code === 'compute_error' && !(error instanceof ContractError))
    request.log.error({ err: errorFields(error) }, 'failed')
  return known
}
