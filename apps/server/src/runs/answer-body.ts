import type { RunAnswer } from '@stewrd/core/runs/wire.ts'
import type { FinishedRun } from './run-agent.ts'
import type { StartedRun } from './start-run.ts'

/** What clients read as "no limit" while metering is off. */
const UNMETERED = 999_999_999

type Ran = {
  runId: string
  status: RunAnswer['status']
  capabilities: readonly string[]
  credits: number
  projectId: string
  model: string
  provider: string
  keySource: RunAnswer['meta']['key_source']
  revision: number
  fingerprint: string | null
  node: string
}

/** A run's answer, with both generations of counters, and nothing null. */
export function answerBody(run: Ran, { message, tokens, durationMs }: FinishedRun): RunAnswer {
  return {
    id: run.runId,
    object: 'agent.response',
    status: run.status,
    message,
    tool_calls: [],
    capabilities_used: [...run.capabilities],
    files: [],
    usage: {
      credits_this_request: run.credits,
      credits_remaining: UNMETERED,
      tokens_used: tokens.input + tokens.output,
      requests_used: 0,
      requests_limit: UNMETERED,
    },
    meta: {
      duration_ms: durationMs,
      project_id: run.projectId,
      plan: 'self-hosted',
      model: run.model,
      provider: run.provider,
      key_source: run.keySource,
      config_revision: run.revision,
      ...(run.fingerprint === null ? {} : { key_fingerprint: run.fingerprint }),
    },
    _compute_instance: run.node,
  }
}

export function completedBody(
  { runId, credential, target, capabilities, credits }: StartedRun,
  finished: FinishedRun,
  node: string,
): RunAnswer {
  const used = {
    model: target.model,
    provider: target.provider.provider,
    keySource: target.source,
    fingerprint: finished.fallback ?? target.fingerprint,
  }
  const run = {
    runId,
    status: 'completed',
    capabilities,
    credits,
    projectId: credential.projectId,
    revision: credential.revision,
    node,
  } as const
  return answerBody({ ...run, ...used }, finished)
}

/** The `done` event: the answer, its counters at top level for older clients, and the answer once more. */
export function doneData(answer: RunAnswer, requestId: string) {
  const { usage, meta } = answer
  return {
    ...answer,
    request_id: requestId,
    tokens_used: usage.tokens_used,
    credits_this_request: usage.credits_this_request,
    credits_remaining: usage.credits_remaining,
    requests_used: usage.requests_used,
    requests_limit: usage.requests_limit,
    duration_ms: meta.duration_ms,
    project_id: meta.project_id,
    plan: meta.plan,
    response: answer,
  }
}
