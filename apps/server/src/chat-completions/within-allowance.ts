import type { Allowance } from '../runs/allowance.ts'
import { modelNotAllowed } from '../runs/allowance.ts'
import { ContractError } from '../runs/contract-error.ts'
import type { RunTarget } from '../runs/credentials.ts'
import type { ChatCompletionRequest } from './request.ts'

/** Fields that say how many answers there will be, and how long one may be. */
const choices = ['n', 'best_of']
const lengths = ['max_completion_tokens', 'max_tokens']

/** Refuses what the server's own key is not for. A project's own key may be asked for anything. */
export function refuseBeyond({ allowance }: RunTarget, request: ChatCompletionRequest): void {
  if (!allowance) return
  for (const field of choices) refuseAbove(request, field, allowance.choices)
  for (const field of lengths) refuseAbove(request, field, allowance.outputTokens)
  refuseOtherModels(request['models'], allowance)
}

export const namesLength = (request: ChatCompletionRequest): boolean => lengths.some((field) => field in request)

function refuseAbove(request: ChatCompletionRequest, field: string, most: number): void {
  const value = request[field]
  if (value === undefined || (Number.isInteger(value) && (value as number) >= 1 && (value as number) <= most)) return
  throw new ContractError(
    'invalid_body',
    `The field "${field}" must be a whole number from 1 to ${most}: this project has no provider key of its own. Set one to ask for more.`,
  )
}

/** OpenRouter's list of models to try. */
function refuseOtherModels(models: unknown, allowance: Allowance): void {
  if (models === undefined) return
  if (!Array.isArray(models) || !models.every((model) => allowance.models.includes(model as string)))
    throw modelNotAllowed(allowance)
}
