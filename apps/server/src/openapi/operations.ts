import type { ContractCode } from '@stewrd/core/runs/wire.ts'
import { FileAnswer } from '@stewrd/core/files/wire.ts'
import { RunAnswer, RunRequest, ToolOutputsRequest } from '@stewrd/core/runs/wire.ts'
import { z } from 'zod'
import { ChatCompletionRequest } from '../chat-completions/request.ts'

/** One route of `/v1`, as the reference tells it. `body` is the schema that parses the request. */
export type Operation = {
  method: 'get' | 'post' | 'delete'
  /** With `{id}` in place of a parameter. */
  path: string
  summary: string
  description?: string
  body?: z.ZodType
  headers?: Record<string, string>
  /** A body to begin with. */
  example?: object
  status: 200 | 201
  /** Absent: an answer of OpenAI's shape, or none of ours. */
  answer?: z.ZodType
  streams?: boolean
  /** The body is one file of a form. */
  form?: boolean
  /** The answer is the bytes of a file. */
  binary?: boolean
  errors: readonly ContractCode[]
  /** Needs no API key. */
  open?: boolean
}

const Session = z.object({
  id: z.uuid(),
  object: z.literal('session'),
  status: z.enum(['active', 'expired']),
  message_count: z.int().min(0).optional(),
  created_at: z.iso.datetime().optional(),
  last_active_at: z.iso.datetime(),
  expires_at: z.iso.datetime(),
})
const SessionMessages = z.object({
  object: z.literal('list'),
  data: z.array(
    z.object({
      id: z.uuid(),
      object: z.literal('session.message'),
      message: z.string(),
      answer: z.string(),
      created_at: z.iso.datetime(),
    }),
  ),
})
const Model = z.object({
  id: z.string(),
  object: z.literal('model'),
  created: z.int(),
  owned_by: z.string(),
  context_length: z.int().optional(),
  pricing: z.object({ prompt: z.string(), completion: z.string() }).optional(),
  stewrd: z.object({ default: z.boolean() }),
})
const Models = z.object({ object: z.literal('list'), data: z.array(Model) })

const always = ['invalid_api_key', 'service_unavailable'] as const
const provider = [
  'provider_key_rejected',
  'provider_quota_exceeded',
  'model_not_found',
  'compute_error',
  'compute_unavailable',
] as const
const starting = [
  'rate_limited',
  'insufficient_credits',
  'budget_exceeded',
  'capability_not_enabled',
  'plan_restricted',
] as const
const asking = [
  'invalid_body',
  'missing_message',
  'invalid_capabilities',
  'invalid_tools',
  'payload_too_large',
  'storage_limit_reached',
] as const
const prefer =
  '`respond-async`, with `wait=N` seconds if you like: 202 with status `in_progress` and a `Location` instead of a longer wait'

export const operations: readonly Operation[] = [
  {
    method: 'post',
    path: '/v1/agent',
    summary: 'Run an agent',
    description:
      'With `"stream": true` and no tools of your own the answer is a stream of server-sent events: `token`, `tool_start`, `tool_end`, and exactly one `done` or `error`.',
    body: RunRequest,
    example: { message: 'Say hello', stream: false },
    headers: { 'Idempotency-Key': 'the same key and body give the same run for 24 hours', Prefer: prefer },
    status: 200,
    answer: RunAnswer,
    streams: true,
    errors: [...always, ...asking, ...starting, ...provider, 'idempotency_conflict'],
  },
  {
    method: 'get',
    path: '/v1/agent/{id}',
    summary: 'Look at a run',
    status: 200,
    answer: RunAnswer,
    errors: [...always, 'context_expired'],
  },
  {
    method: 'delete',
    path: '/v1/agent/{id}',
    summary: 'Stop a run',
    description: 'A run that has ended stays as it ended, and is answered.',
    status: 200,
    answer: RunAnswer,
    errors: [...always, 'context_expired'],
  },
  {
    method: 'get',
    path: '/v1/agent/{id}/stream',
    summary: 'Read a run along, or again',
    headers: { 'Last-Event-ID': 'go on after this event' },
    status: 200,
    streams: true,
    errors: [...always, ...provider, 'context_expired'],
  },
  {
    method: 'post',
    path: '/v1/agent/{id}/tool-outputs',
    summary: 'Send the outputs of your own tools',
    description: 'One output for each call that the run asked for, within five minutes. At most ten rounds.',
    body: ToolOutputsRequest,
    example: { tool_outputs: [{ tool_call_id: 'call_1', output: 'Sunny, 24 degrees' }] },
    headers: { Prefer: prefer },
    status: 200,
    answer: RunAnswer,
    errors: [
      ...always,
      ...provider,
      'invalid_body',
      'invalid_tool_outputs',
      'tool_output_too_large',
      'context_expired',
      'payload_too_large',
    ],
  },
  {
    method: 'post',
    path: '/v1/sessions',
    summary: 'Open a session',
    status: 201,
    answer: Session,
    errors: [...always, 'invalid_body', 'session_limit_reached', 'payload_too_large'],
  },
  {
    method: 'get',
    path: '/v1/sessions/{id}',
    summary: 'Look at a session',
    status: 200,
    answer: Session,
    errors: [...always, 'session_not_found'],
  },
  {
    method: 'delete',
    path: '/v1/sessions/{id}',
    summary: 'Delete a session',
    status: 200,
    answer: z.object({ id: z.uuid(), object: z.literal('session'), deleted: z.literal(true) }),
    errors: [...always, 'session_not_found'],
  },
  {
    method: 'get',
    path: '/v1/sessions/{id}/messages',
    summary: 'The answered messages of a session',
    status: 200,
    answer: SessionMessages,
    errors: [...always, 'session_not_found'],
  },
  {
    method: 'post',
    path: '/v1/sessions/{id}/messages',
    summary: 'Send a message to a session',
    description: 'A run that sees what was said before. Messages of one session are answered one after another.',
    body: RunRequest,
    example: { message: 'What did I say before?', stream: false },
    headers: { Prefer: prefer },
    status: 200,
    answer: RunAnswer,
    streams: true,
    errors: [...always, ...asking, ...starting, ...provider, 'session_not_found', 'session_expired'],
  },
  {
    method: 'post',
    path: '/v1/files',
    summary: 'Upload a file',
    description:
      'As `multipart/form-data` with one file. Runs are given it by its id: `{"file_id": "…"}` in `files`. Content is sealed before it is stored.',
    form: true,
    status: 201,
    answer: FileAnswer,
    errors: [...always, 'invalid_body', 'payload_too_large', 'storage_limit_reached'],
  },
  {
    method: 'get',
    path: '/v1/files/{id}',
    summary: 'Look at a file, and get a new URL for it',
    status: 200,
    answer: FileAnswer,
    errors: [...always, 'file_not_found'],
  },
  {
    method: 'delete',
    path: '/v1/files/{id}',
    summary: 'Remove a file',
    status: 200,
    answer: z.object({ id: z.uuid(), object: z.literal('file'), deleted: z.literal(true) }),
    errors: [...always, 'file_not_found'],
  },
  {
    method: 'get',
    path: '/v1/files/{id}/content',
    summary: 'The content of a file',
    description:
      'With the signature of its URL, or with the API key. Ranges and `If-None-Match` are answered as HTTP has them.',
    status: 200,
    binary: true,
    errors: [...always, 'file_not_found', 'file_url_invalid', 'file_url_expired'],
  },
  {
    method: 'post',
    path: '/v1/chat/completions',
    summary: 'A chat completion, as OpenAI has it',
    description:
      'Everything is passed on to the provider of the project; `"model": "default"` is the project’s own. Errors have OpenAI’s shape.',
    body: ChatCompletionRequest,
    example: { model: 'default', messages: [{ role: 'user', content: 'Say hello' }] },
    status: 200,
    streams: true,
    errors: [...always, ...starting, ...provider, 'invalid_body', 'payload_too_large'],
  },
  {
    method: 'get',
    path: '/v1/models',
    summary: 'The models of the project’s provider',
    status: 200,
    answer: Models,
    errors: [...always, ...provider],
  },
  {
    method: 'get',
    path: '/v1/models/{id}',
    summary: 'One model of the project’s provider',
    description: 'An id with slashes can be sent as it is or encoded.',
    status: 200,
    answer: Model,
    errors: [...always, ...provider, 'not_found'],
  },
  { method: 'get', path: '/v1/usage', summary: 'The month of the project', status: 200, errors: always },
  { method: 'get', path: '/v1/openapi.json', summary: 'This description', status: 200, errors: [], open: true },
]
