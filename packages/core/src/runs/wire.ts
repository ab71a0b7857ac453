import { z } from 'zod'
import { capabilities } from '../kernel/capabilities.ts'
import { FileName } from '../kernel/file-name.ts'
import { storableJson, Text } from '../kernel/text.ts'

/** Codes of the wire contract with their HTTP status. */
export const contractErrors = {
  invalid_api_key: 401,
  invalid_body: 400,
  missing_message: 400,
  invalid_capabilities: 400,
  invalid_tools: 400,
  invalid_tool_outputs: 400,
  tool_output_too_large: 400,
  capability_not_enabled: 403,
  insufficient_credits: 402,
  budget_exceeded: 402,
  plan_restricted: 403,
  idempotency_conflict: 409,
  rate_limited: 429,
  session_limit_reached: 429,
  session_expired: 410,
  session_not_found: 404,
  context_expired: 404,
  not_found: 404,
  file_not_found: 404,
  file_url_invalid: 403,
  file_url_expired: 410,
  payload_too_large: 413,
  storage_limit_reached: 413,
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

/** A tool of the client's own. */
const ToolInput = z.object({
  name: z.string().regex(/^[A-Za-z0-9_]{1,64}$/, 'must be 1 to 64 letters, digits or underscores'),
  description: Text.min(1, 'must not be empty').max(1024, 'must be at most 1,024 characters'),
  parameters: storableJson(z.record(z.string(), z.unknown())).refine(
    ({ type }) => type === 'object',
    'must be a JSON Schema with "type": "object"',
  ),
})

/** Bytes of one tool output, as UTF-8. */
export const MOST_OUTPUT_BYTES = 100 * 1024
export const ToolOutputsRequest = z.object({
  tool_outputs: z
    .array(z.object({ tool_call_id: Text.min(1).max(200), output: Text }))
    .min(1)
    .max(128),
})

const given = (file: Record<string, unknown>) =>
  ['content', 'content_base64', 'file_id'].filter((name) => file[name] !== undefined)

/** A file that comes with a message: its text, its bytes, or the id of one that was uploaded before. */
const FileInput = z
  .object({
    name: FileName.optional(),
    content: Text.optional(),
    content_base64: z.base64('must be base64').optional(),
    file_id: z.uuid('must be the id of an uploaded file').optional(),
  })
  .refine((file) => given(file).length === 1, 'needs exactly one of content, content_base64 and file_id')
  .refine(({ name, file_id }) => (name === undefined) === (file_id !== undefined), {
    message: 'is needed with content, and comes from the upload with file_id',
    path: ['name'],
  })
  .meta({
    oneOf: [{ required: ['name', 'content'] }, { required: ['name', 'content_base64'] }, { required: ['file_id'] }],
  })
export type FileInput = z.infer<typeof FileInput>

/** A run's request. Unknown fields are let through, as clients of other versions send them. */
export const RunRequest = z.object({
  message: Text.min(1),
  capabilities: z.array(z.enum(capabilities)).min(1).max(20).optional(),
  files: z.array(FileInput).max(50).optional(),
  stream: z.boolean().optional(),
  tools: z.array(ToolInput).max(20).optional(),
})
export type RunRequest = z.infer<typeof RunRequest>

const count = z.int().min(0)

/** A run's answer; never JSON null where clients would fail on it. */
export const RunAnswer = z.object({
  id: z.uuid(),
  object: z.enum(['agent.response', 'session.message']),
  session_id: z.uuid().optional(),
  status: z.enum(['completed', 'requires_tool_outputs', 'in_progress', 'failed', 'cancelled']),
  message: z.string(),
  refusal: z.string().optional().describe('Why the model refuses to answer, in its own words.'),
  tool_calls: z.array(z.object({ id: z.string(), name: z.string(), arguments: z.record(z.string(), z.unknown()) })),
  capabilities_used: z.array(z.string()),
  files: z.array(z.object({ name: z.string(), content: z.string().optional(), url: z.string().optional() })),
  usage: z.object({
    credits_this_request: count,
    credits_remaining: count,
    tokens_used: count,
    estimated: z
      .literal(true)
      .optional()
      .describe('The provider did not count all of these tokens, so some are an estimate.'),
    requests_used: count.describe(
      "How many of the month's free credits the account has used; 0 while metering is off.",
    ),
    requests_limit: count.describe(
      'With what is left of credits that were granted or bought; 999999999 while metering is off.',
    ),
  }),
  meta: z.object({
    duration_ms: count,
    project_id: z.string(),
    plan: z.string(),
    model: z.string(),
    provider: z.string(),
    key_source: z.enum(['project', 'default', 'demo']),
    config_revision: count,
    key_fingerprint: z.string().optional(),
    finish_reason: z
      .string()
      .optional()
      .describe(
        'How the last answer of the model ended, in the words of the provider: length and content_filter cut it.',
      ),
    usage_estimated: z.literal(true).optional(),
  }),
  error: z.object({ code: z.string(), message: z.string() }).optional(),
  _compute_instance: z.string(),
})
export type RunAnswer = z.infer<typeof RunAnswer>
