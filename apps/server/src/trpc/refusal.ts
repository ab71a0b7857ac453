import { GuardMoved, StoreUnavailable } from '@stewrd/core/kernel/execute.ts'
import type { Refusals } from '@stewrd/core/kernel/errors.ts'
import { Refusal } from '@stewrd/core/kernel/errors.ts'
import { SystemError } from '@stewrd/core/kernel/system-error.ts'
import { dbError } from '@stewrd/db/db-error.ts'
import { TRPCError } from '@trpc/server'
import { ZodError } from 'zod'

/** Status of every refusal: a code without one does not compile. */
export const statusOf = {
  INVALID_INPUT: 'BAD_REQUEST',
  NOT_FOUND: 'NOT_FOUND',
  REVISION_MOVED: 'CONFLICT',
  COMMAND_REUSED: 'CONFLICT',
  STREAM_BUSY: 'TOO_MANY_REQUESTS',
  EVENT_UNKNOWN: 'SERVICE_UNAVAILABLE',
  PROJECT_EXISTS: 'CONFLICT',
  PROJECT_ARCHIVED: 'PRECONDITION_FAILED',
  PROJECT_SHREDDING: 'PRECONDITION_FAILED',
  PROJECT_SHREDDED: 'PRECONDITION_FAILED',
  SHRED_NOT_REQUESTED: 'PRECONDITION_FAILED',
  SHRED_NOT_DUE: 'PRECONDITION_FAILED',
  PLAN_RESTRICTED: 'FORBIDDEN',
  SHRED_UNCONFIRMED: 'UNPROCESSABLE_CONTENT',
  PROVIDER_NOT_SET: 'PRECONDITION_FAILED',
  KEY_REQUIRED: 'PRECONDITION_FAILED',
  KEY_UNCHANGED: 'CONFLICT',
  KEY_NOT_STAGED: 'PRECONDITION_FAILED',
  NO_OVERLAP: 'PRECONDITION_FAILED',
  KEY_DESTROYED: 'PRECONDITION_FAILED',
  KEY_REJECTED: 'UNPROCESSABLE_CONTENT',
  BASE_URL_REFUSED: 'UNPROCESSABLE_CONTENT',
  API_KEY_MISSING: 'PRECONDITION_FAILED',
  API_KEY_EXISTS: 'CONFLICT',
  RUN_EXISTS: 'CONFLICT',
  RUN_ENDED: 'CONFLICT',
  RUN_TAKEN_OVER: 'CONFLICT',
  RUN_NOT_WAITING: 'CONFLICT',
  SESSION_BUSY: 'CONFLICT',
  SESSION_EXPIRED: 'CONFLICT',
  TOOL_OUTPUTS_EXPIRED: 'CONFLICT',
  TOOL_OUTPUTS_WRONG: 'BAD_REQUEST',
  MASTER_KEY_ROTATING: 'CONFLICT',
  MASTER_KEY_IN_USE: 'PRECONDITION_FAILED',
  DATA_KEYS_DAMAGED: 'PRECONDITION_FAILED',
  MASTER_KEY_PRIMARY: 'PRECONDITION_FAILED',
  MASTER_KEY_NOT_FIRST: 'PRECONDITION_FAILED',
  KEYRING_BUSY: 'CONFLICT',
  MASTER_KEY_UNKNOWN: 'NOT_FOUND',
  MASTER_KEY_MADE_ELSEWHERE: 'PRECONDITION_FAILED',
  MASTER_KEY_NOT_EVERYWHERE: 'PRECONDITION_FAILED',
  LOG_NOT_SIGNED: 'PRECONDITION_FAILED',
  CHECKPOINT_DIFFERS: 'CONFLICT',
  RUN_SEALED: 'PRECONDITION_FAILED',
  INSUFFICIENT_CREDITS: 'PAYMENT_REQUIRED',
  RATE_LIMITED: 'TOO_MANY_REQUESTS',
  RUNS_AT_LIMIT: 'TOO_MANY_REQUESTS',
  WEBHOOK_NOT_SET: 'PRECONDITION_FAILED',
  DELIVERY_PENDING: 'CONFLICT',
  REAUTHENTICATION_REQUIRED: 'FORBIDDEN',
  PASSWORD_WRONG: 'FORBIDDEN',
  TOO_MANY_ATTEMPTS: 'TOO_MANY_REQUESTS',
} as const satisfies Record<keyof Refusals, TRPCError['code']>

/** A refusal as a page reads it: `error.data.refusal`. Narrow by `code` to read `details`. */
export type RefusalData = { [C in keyof Refusals]: { code: C; details: Refusals[C] } }[keyof Refusals]

export const refusalData = (refusal: Refusal): RefusalData =>
  ({ code: refusal.code, details: refusal.details }) as RefusalData

/** Makes the edge's error of whatever was thrown. Text that is not our own never leaves the server. */
export function toTrpcError(thrown: unknown): TRPCError {
  const error = dbError(thrown)
  if (error instanceof Refusal) {
    const refusal: Refusal = error
    return new TRPCError({ code: statusOf[refusal.code], message: refusal.message, cause: refusal })
  }
  if (error instanceof ZodError) return toTrpcError(invalidInput(error))
  if (error instanceof GuardMoved)
    return new TRPCError({ code: 'CONFLICT', message: 'This changed while you were at it. Try again.', cause: error })
  if (error instanceof StoreUnavailable)
    return new TRPCError({
      code: 'SERVICE_UNAVAILABLE',
      message: 'The database cannot be reached just now. What you sent may or may not be saved: try again.',
      cause: error,
    })
  if (error instanceof SystemError)
    return new TRPCError({ code: 'INTERNAL_SERVER_ERROR', message: error.message, cause: error })
  return new TRPCError({ code: 'INTERNAL_SERVER_ERROR', message: 'Something went wrong on the server.', cause: error })
}

/** The first problem of a parse, by field. Zod's own words name types and limits, never the value. */
function invalidInput(error: ZodError): Refusal<'INVALID_INPUT'> {
  const issue = error.issues[0]
  const unknown = issue?.code === 'unrecognized_keys'
  return new Refusal('INVALID_INPUT', {
    field: issue?.path.join('.') || 'input',
    problem: unknown ? 'has a field that is not known here.' : (issue?.message ?? 'is not valid.'),
  })
}
