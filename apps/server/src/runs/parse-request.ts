import { RunRequest } from '@stewrd/core/runs/wire.ts'
import type { z } from 'zod'
import { ContractError } from './contract-error.ts'

/** The request, or a `ContractError` that names the field and what it must be. */
export function parseRequest(body: unknown): RunRequest {
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw new ContractError('invalid_body', 'The body must be a JSON object, sent as application/json.')
  const { message } = body as { message?: unknown }
  if (message === undefined || message === null || (typeof message === 'string' && message.trim() === ''))
    throw new ContractError('missing_message', 'The field "message" is missing or empty.')
  const parsed = RunRequest.safeParse(withoutNulls(body))
  if (!parsed.success) throw refused(parsed.error.issues[0]!)
  return parsed.data
}

/** Some clients send null for what they leave out. */
const withoutNulls = (body: object) => Object.fromEntries(Object.entries(body).filter(([, value]) => value !== null))

function refused(issue: z.core.$ZodIssue): ContractError {
  const field = issue.path.join('.')
  if (issue.path[0] === 'capabilities')
    return new ContractError('invalid_capabilities', `The field "${field}" must be a list of known capabilities.`)
  if (issue.path[0] === 'tools') return new ContractError('invalid_tools', toolProblem(field, issue))
  return new ContractError('invalid_body', `The field "${field}" is not valid: ${problemOf(issue)}.`)
}

const toolProblem = (field: string, issue: z.core.$ZodIssue) =>
  issue.code === 'too_big' && issue.path.length === 1
    ? 'The field "tools" must be a list of at most 20 tools.'
    : `The field "${field}" is not valid: ${problemOf(issue)}. A tool is {"name", "description", "parameters"}.`

// zod's own texts name types; for others ours stand in the schema. Neither holds a value.
const problemOf = (issue: z.core.$ZodIssue) =>
  issue.code === 'invalid_type'
    ? `it must be ${issue.expected === 'array' ? 'a list' : `of type ${issue.expected}`}`
    : issue.message.replace(/\.$/, '').toLowerCase()
