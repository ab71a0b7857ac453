import type { RunFile } from '@stewrd/core/kernel/run-file.ts'
import type { ModelAnsweredData, RunEvent } from '@stewrd/core/runs/events.ts'
import type { StartedRun } from '@stewrd/core/runs/runs.ts'
import { runs } from '@stewrd/core/runs/runs.ts'
import type { RunAnswer } from '@stewrd/core/runs/wire.ts'
import { exactArguments } from '@stewrd/runtime/provider/completion/arguments.ts'
import { OUTPUTS_MS } from '@stewrd/runtime/loop/run-loop.ts'
import type { RunLimits } from './deps.ts'
import { startOf } from './deps.ts'

/**
 * What the account has, in both generations of words: in the older one the free credits of the month are requests, of which `used` are gone,
 * and `limit - used` is what is left.
 */
export type AccountUsage = { creditsLeft: number; used: number; limit: number }
/** What clients read as "no limit" while metering is off. */
const NO_LIMIT = 999_999_999
export const unmetered: AccountUsage = { creditsLeft: NO_LIMIT, used: 0, limit: NO_LIMIT }

/** A run as its events tell it. */
export type ReadRun = { runId: string; projectId: string; state: StartedRun; events: readonly RunEvent[] }

/** Undefined for events that begin no run. */
export function readRun(runId: string, projectId: string, events: readonly RunEvent[]): ReadRun | undefined {
  const state = events.reduce(runs.evolve, runs.initial)
  return state.status === 'none' ? undefined : { runId, projectId, state, events }
}

/** `fileUrl` signs a URL for a stored file. */
type AnswerContext = {
  node: string
  fileUrl(fileId: string, name: string): string
  account?: AccountUsage
  limits: Pick<RunLimits, 'run'>
}

const statusOf = { running: 'in_progress', waiting: 'requires_tool_outputs' } as const

/** A run's answer, with both generations of counters, and nothing null. */
export function answerBody(
  { runId, projectId, state, events }: ReadRun,
  { node, fileUrl, account = unmetered, limits }: AnswerContext,
): RunAnswer {
  const { started, config, status, tokens, error } = state
  const fingerprint = state.fallback ?? config.keyFingerprint
  const request = status === 'waiting' ? events.findLast((e) => e.type === 'ToolOutputsRequested') : undefined
  const answers = events.flatMap((e) => (e.type === 'ModelAnswered' ? [e.data] : []))
  const last = answers.at(-1)
  const estimated = answers.some(({ tokensEstimated }) => tokensEstimated)
  return {
    id: runId,
    object: started.object === 'session.message' ? 'session.message' : 'agent.response',
    ...(started.sessionId !== null && { session_id: started.sessionId }),
    status: status === 'running' || status === 'waiting' ? statusOf[status] : status,
    message: error ? '' : request ? (last?.content ?? '') : state.message,
    ...(last?.refusal && { refusal: last.refusal }),
    tool_calls: request ? request.data.calls.map((call) => ({ ...call, arguments: argumentsOf(call, last) })) : [],
    capabilities_used: [...started.capabilities],
    files: events.flatMap((e) =>
      e.type === 'ToolReturned' ? e.data.files.map((file) => wireFile(file, fileUrl)) : [],
    ),
    usage: {
      credits_this_request: started.credits,
      credits_remaining: account.creditsLeft,
      tokens_used: tokens.input + tokens.output,
      ...(estimated && { estimated }),
      requests_used: account.used,
      requests_limit: account.limit,
    },
    meta: {
      duration_ms: durationOf(state, limits),
      project_id: projectId,
      plan: started.plan,
      model: config.model,
      provider: config.provider,
      key_source: config.keySource,
      config_revision: config.configRevision,
      ...(fingerprint !== null && { key_fingerprint: fingerprint }),
      ...(last && { finish_reason: last.finishReason }),
      ...(estimated && { usage_estimated: estimated }),
    },
    ...(error && { error: { code: error, message: state.message } }),
    _compute_instance: node,
  }
}

/** Until it ended, or began to wait; a run that goes on has none yet. */
function durationOf({ pending, started, durationMs }: StartedRun, limits: Pick<RunLimits, 'run'>): number {
  if (!pending) return durationMs
  return Math.max(0, pending.expiresAt - OUTPUTS_MS - startOf(started, limits))
}

type Requested = { id: string; arguments: Record<string, unknown> }

/** Arguments with every number as the model wrote it: a record of a run holds them as text. */
const argumentsOf = ({ id, arguments: read }: Requested, answer: ModelAnsweredData | undefined) =>
  exactArguments(answer?.toolCalls.find((call) => call.id === id)?.arguments ?? '') ?? read

/** Texts carry their content; what is in the storage has a URL. */
const wireFile = ({ name, content, fileId }: RunFile, fileUrl: AnswerContext['fileUrl']) => ({
  name,
  ...(content !== undefined && { content }),
  ...(fileId !== undefined && { url: fileUrl(fileId, name) }),
})

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
