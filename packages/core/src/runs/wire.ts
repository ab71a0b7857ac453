import { z } from 'zod'
import { capabilities } from '../kernel/capabilities.ts'

/** Codes of the wire contract with their HTTP status. */
export const contractErrors = {
  invalid_api_key: 401,
  invalid_body: 400,
  missing_message: 400,
  invalid_capabilities: 400,
  invalid_tools: 400,
  capability_not_enabled: 403,
  rate_limited: 429,
  context_expired: 404,
  payload_too_large: 413,
  provider_key_rejected: 424,
  provider_quota_exceeded: 424,
  model_not_found: 424,
  compute_error: 502,
  compute_unavailable: 502,
  service_unavailable: 503,
} as const
export type ContractCode = keyof typeof contractErrors

/** What capability a run costs, in credits; a run costs the sum. */
export const capabilityCredits = { chat: 1, data: 1, files: 2, research: 3, code: 3, documents: 5, browser: 3 } as const

const hasExtension = (name: string) => /[^.\\/]\.[A-Za-z0-9]{1,16}$/.test(name)

/** A run's request. Unknown fields are let through, as clients of other versions send them. */
export const RunRequest = z.object({
  message: z.string().min(1),
  capabilities: z.array(z.enum(capabilities)).min(1).max(20).optional(),
  files: z
    .array(
      z.object({
        name: z.string().min(1).max(255).refine(hasExtension, 'needs an extension, such as notes.txt'),
        content: z.string(),
      }),
    )
    .max(50)
    .optional(),
  stream: z.boolean().optional(),
  tools: z.array(z.unknown()).optional(),
})
export type RunRequest = z.infer<typeof RunRequest>

/** A run's answer; never JSON null where clients would fail on it. */
export type RunAnswer = {
  id: string
  object: 'agent.response' | 'session.message'
  status: 'completed' | 'in_progress' | 'failed'
  message: string
  tool_calls: never[]
  capabilities_used: string[]
  files: never[]
  usage: {
    credits_this_request: number
    credits_remaining: number
    tokens_used: number
    requests_used: number
    requests_limit: number
  }
  meta: {
    duration_ms: number
    project_id: string
    plan: string
    model: string
    provider: string
    key_source: 'project' | 'default' | 'demo'
    config_revision: number
    key_fingerprint?: string
  }
  error?: { code: string; message: string }
  _compute_instance: string
}
