import type { ContractCode } from '@stewrd/core/runs/wire.ts'

/** When `/v1` answers with a code, and what to do then. */
export const errorHelp: Record<ContractCode, { when: string; cure: string }> = {
  invalid_api_key: {
    when: 'The API key is missing, mistyped, regenerated or revoked. A stream that is open then ends with this error within a second.',
    cure: 'Send “Authorization: Bearer sk-stw_…” with the key of the project. A lost key cannot be shown again: regenerate it on the project’s page.',
  },
  invalid_body: {
    when: 'The body is not JSON, or a field has a wrong type. The message names the field.',
    cure: 'Correct the field and send the request again.',
  },
  missing_message: { when: '“message” is absent or empty.', cure: 'Send a message of at least one character.' },
  invalid_capabilities: {
    when: '“capabilities” names something that does not exist.',
    cure: 'Use names from the message, or leave the field out for all that the project has.',
  },
  invalid_tools: {
    when: 'A tool lacks its name, description or parameters, or there are too many.',
    cure: 'Correct the tool that the message names.',
  },
  capability_not_enabled: {
    when: 'The project does not have this capability.',
    cure: 'Switch it on for the project, or ask without it.',
  },
  insufficient_credits: {
    when: 'The account has fewer credits left than the run costs.',
    cure: 'Wait for the free credits of the next month, or ask the operator of this server for more.',
  },
  budget_exceeded: {
    when: 'The project has used up its monthly budget of tokens or money.',
    cure: 'Its owner can raise the budget in the dashboard; a new month begins at midnight UTC on the first.',
  },
  plan_restricted: {
    when: 'The plan that the operator of this server set for the project does not include this capability.',
    cure: 'Ask for less, or ask the operator for another plan (`stewrd project plan`).',
  },
  idempotency_conflict: {
    when: 'The idempotency key was used for another request within the last 24 hours.',
    cure: 'Send a new key with a new request, and the same key only with exactly the same request.',
  },
  storage_limit_reached: {
    when: 'The project keeps as many files, or as many bytes in them, as it may.',
    cure: 'Remove files that are not needed (`DELETE /v1/files/{id}`), or raise the limit of the project in the dashboard.',
  },
  session_limit_reached: {
    when: 'The project has as many active sessions as it may.',
    cure: 'Delete sessions that are over, or wait: a session expires after 30 minutes without activity.',
  },
  session_expired: {
    when: 'Nothing was sent to the session for 30 minutes.',
    cure: 'Start a new session.',
  },
  session_not_found: {
    when: 'The session is unknown, was deleted, or belongs to another project.',
    cure: 'Check the id, or start a new session.',
  },
  invalid_tool_outputs: {
    when: 'The outputs are malformed, or are not exactly those of the calls that the run asked for.',
    cure: 'Send one output for each call, under its id. The message names what is wrong.',
  },
  tool_output_too_large: {
    when: 'One output is larger than 100 KB.',
    cure: 'Send less, such as a summary or a part.',
  },
  rate_limited: {
    when: 'The project sent more requests in a minute than it may.',
    cure: 'Wait for as many seconds as “Retry-After” says.',
  },
  not_found: {
    when: 'The API has no route with this method and path, or the provider lists no model with this id.',
    cure: 'Check method and path against the routes in the message, or the id against GET /v1/models.',
  },
  file_not_found: {
    when: 'The file is unknown, was removed, or belongs to another project.',
    cure: 'Check the id, or upload the file again.',
  },
  file_url_invalid: {
    when: 'The URL of a file is not as it was given: its signature does not fit.',
    cure: 'Use the URL unchanged, or fetch a new one with GET /v1/files/{id}.',
  },
  file_url_expired: {
    when: 'The URL of a file was given more than 24 hours ago.',
    cure: 'Fetch a new one with GET /v1/files/{id}, or with the run that made the file.',
  },
  context_expired: {
    when: 'The run is unknown, belongs to another project, or waited too long.',
    cure: 'Start a new run.',
  },
  payload_too_large: { when: 'The body is over the limit.', cure: 'Send less at once.' },
  provider_key_rejected: {
    when: 'The provider refused the key of this project.',
    cure: 'Rotate the key on the project’s page; the new one is tested before it is used.',
  },
  provider_quota_exceeded: {
    when: 'The account at the provider has no quota or no money left.',
    cure: 'Raise the limit at the provider, or use another key.',
  },
  model_not_found: {
    when: 'The provider does not know the model of this project.',
    cure: 'Choose a model from the provider’s own list on the project’s page.',
  },
  compute_error: {
    when: 'The provider failed, or answered with something that is no answer.',
    cure: 'Try again. The run’s page shows what happened.',
  },
  compute_unavailable: {
    when: 'The provider could not be reached, or did not answer in time.',
    cure: 'Try again. If it lasts, test the key on the project’s page.',
  },
  service_unavailable: {
    when: 'The project has no provider key and the server has no model of its own; or the database is away; or the server is stopping.',
    cure: 'Set a provider key for the project, or try again in a moment. The message says which.',
  },
}
