/** Every row of the wire contract. The table's own test fails for one that nothing runs. */
export const rows = [
  // Basics
  'auth: one bearer key stands for one project',
  'auth: a key that was regenerated is refused at once',
  'basics: JSON in and JSON out, and every answer carries x-request-id',
  'basics: optional fields are left out, or null, and unknown ones are let through',
  'basics: a stream is never silent for longer than 15 s',
  // Endpoints
  'endpoint: POST /v1/agent',
  'endpoint: GET /v1/agent/{id}',
  'endpoint: DELETE /v1/agent/{id}',
  'endpoint: GET /v1/agent/{id}/stream',
  'endpoint: POST /v1/agent/{id}/tool-outputs',
  'endpoint: POST /v1/sessions',
  'endpoint: GET /v1/sessions/{id}',
  'endpoint: DELETE /v1/sessions/{id}',
  'endpoint: GET /v1/sessions/{id}/messages',
  'endpoint: POST /v1/sessions/{id}/messages',
  'endpoint: POST /v1/files',
  'endpoint: GET /v1/files/{id}',
  'endpoint: DELETE /v1/files/{id}',
  'endpoint: GET /v1/files/{id}/content',
  'endpoint: POST /v1/chat/completions',
  'endpoint: GET /v1/models',
  'endpoint: GET /v1/models/{id}',
  'endpoint: GET /v1/usage',
  'endpoint: GET /v1/openapi.json',
  'endpoint: GET /healthz and GET /readyz',
  // Run request
  'request: message',
  'request: capabilities',
  'request: files of plain text, whose names have an extension',
  'request: files by content_base64 and by file_id',
  'request: stream together with tools is answered as plain JSON',
  'request: at most 20 tools, and a run with tools is chat-only',
  'request: a tool is {name, description, parameters}',
  // Tool outputs
  'tools: malformed, unknown, doubled and missing outputs',
  'tools: an output of 100 KB passes, a larger one does not',
  'tools: ten rounds at most, then an answer',
  'tools: arguments are parsed, and a model that writes no JSON is told so',
  'tools: five minutes between submissions',
  'tools: outputs cost no credits, and every answer of a run has the same id',
  'tools: any node continues a run, and _compute_instance is ignored',
  // Run answer
  'answer: every field of a run that completed',
  'answer: every field of a run that waits for outputs',
  'answer: text files carry content, binary ones only a url',
  'answer: both generations of counters are integers',
  'answer: never null, on any status',
  'answer: ours in meta',
  // SSE
  'stream: LF only, one line of JSON a frame',
  'stream: token has text and content',
  'stream: tool_start has tool and message, tool_end has tool',
  'stream: done has the whole answer, its counters at top level, and the answer once more',
  'stream: error is flat',
  'stream: an error before the first byte is plain JSON with its status',
  'stream: exactly one end, and both clients read it',
  // Errors
  'error: {code, message, docs}, where docs is a page of this server',
  'error: invalid_api_key',
  'error: invalid_body',
  'error: missing_message',
  'error: invalid_capabilities',
  'error: invalid_tools',
  'error: invalid_tool_outputs',
  'error: tool_output_too_large',
  'error: capability_not_enabled',
  'error: plan_restricted',
  'error: insufficient_credits',
  'error: budget_exceeded',
  'error: idempotency_conflict',
  'error: rate_limited',
  'error: session_limit_reached',
  'error: storage_limit_reached',
  'error: session_expired',
  'error: session_not_found',
  'error: context_expired',
  'error: not_found',
  'error: file_not_found',
  'error: file_url_invalid',
  'error: file_url_expired',
  'error: payload_too_large',
  'error: provider_key_rejected',
  'error: provider_quota_exceeded',
  'error: model_not_found',
  'error: compute_error',
  'error: compute_error, from an answer that breaks off',
  'error: compute_unavailable',
  'error: service_unavailable: no key and no default model',
  'error: service_unavailable: the database is down, and never a 401',
  'error: service_unavailable: draining',
  // Capabilities and credits
  'credits: a run costs the sum of its capabilities, the same when streamed',
  'credits: taken before the run, and given back when it fails on the server’s or provider’s side',
  'credits: 200 free a month, granted ones after them',
  'credits: without metering the counters say 999999999',
  // Sessions
  'sessions: a message sees the whole history',
  'sessions: messages run one after another',
  'sessions: 30 minutes without activity',
  // Files
  'files: a signed URL, without a key in it, for 24 hours',
  // Webhooks
  'webhooks: what is sent, and how it is signed',
  'webhooks: three attempts, at once, after 30 s, after 5 min',
  // BYOK
  'byok: the key is in no answer and in no log',
  'byok: any OpenAI-compatible base URL, and free text as model',
  'byok: without a key the default model answers',
] as const
export type Row = (typeof rows)[number]

type Place = { file: string; title: string }
/** Rows that need a clock, a dashboard or a receiver: run beside what they are about. Paths begin at the root of the repository. */
export const elsewhere: Record<string, Place> = {
  'basics: a synchronous call is answered within 120 s': {
    file: 'apps/server/src/runs/too-long.test.ts',
    title: 'a run that takes too long for a synchronous call is stopped and given back, and answered in time',
  },
  'webhooks: a receiver that fails twice': {
    file: 'apps/server/src/webhooks/delivery.test.ts',
    title: 'a receiver that fails twice gets it a third time, under the same id',
  },
  'webhooks: after the last attempt it has failed': {
    file: 'apps/server/src/webhooks/delivery.test.ts',
    title: 'after three attempts it has failed, and can be tried again by hand',
  },
  'webhooks: a receiver that hangs': {
    file: 'apps/server/src/webhooks/delivery.test.ts',
    title: 'a receiver that hangs is given up, and a delivery that is being tried is not tried besides',
  },
  'webhooks: a redirect to a private address': {
    file: 'apps/server/src/webhooks/delivery.test.ts',
    title: 'a redirect is not followed, wherever it points',
  },
  'webhooks: an answer of 10 MB': {
    file: 'apps/server/src/webhooks/delivery.test.ts',
    title: 'an answer of 10 MB is not read',
  },
  'webhooks: send test': {
    file: 'apps/server/src/webhooks/delivery.test.ts',
    title: 'a test has the shape of a run, under a name of its own',
  },
  'webhooks: delivery log': {
    file: 'apps/server/src/webhooks/delivery.test.ts',
    title: 'the log shows what was sent, and none of another project',
  },
  'webhooks: after all tool rounds': {
    file: 'apps/server/src/webhooks/rounds.test.ts',
    title: 'a run with custom tools is told once, after all rounds, with the session that it belongs to',
  },
  'webhooks: https only, the secret is shown once': {
    file: 'apps/server/src/webhooks/webhooks.test.ts',
    title: 'the secret is shown once, with the first address, and never again',
  },
  'webhooks: regenerate secret': {
    file: 'apps/server/src/webhooks/webhooks.test.ts',
    title: 'while a secret is replaced both sign; then the value of the one before is destroyed',
  },
  'webhooks: agent.failed, for whoever asked for it': {
    file: 'apps/server/src/webhooks/at-rest.test.ts',
    title: 'failed runs and rejected keys are told to whoever asked for it, and to nobody else',
  },
  'byok: providers with base URLs of their own, and any other': {
    file: 'packages/core/src/llm/input.test.ts',
    title: 'a known provider has its own base URL',
  },
  'byok: suggested models': {
    file: 'packages/core/src/llm/input.test.ts',
    title: 'seven models are suggested, each with what it is best for',
  },
  'byok: encrypted at rest': {
    file: 'apps/server/src/llm/llm.test.ts',
    title: 'no table holds a key, in any spelling',
  },
}
