import { ContractError } from './contract-error.ts'
import type { RunTarget } from './credentials.ts'

/** What projects without a key of their own may ask of the server's key: its models, answers to one question, and tokens of an answer. */
export type Allowance = { models: readonly string[]; choices: number; outputTokens: number }

/** The target with the model that a client names, or refused where that would run on a key that is not for it. */
export function withModel(target: RunTarget, model: string | undefined): RunTarget {
  if (model === undefined) return target
  const { allowance } = target
  if (allowance && !allowance.models.includes(model)) throw modelNotAllowed(allowance)
  return { ...target, model }
}

export const modelNotAllowed = ({ models }: Allowance) =>
  new ContractError(
    'model_not_found',
    `This project has no provider key of its own, and the server's key is for ${models.join(', ')} only. Name one of these, or set a key for the project.`,
  )
