import { randomUUID } from 'node:crypto'
import type { Author } from '@stewrd/core/kernel/execute.ts'
import { Refusal } from '@stewrd/core/kernel/errors.ts'
import { runs, runStream } from '@stewrd/core/runs/runs.ts'
import { MOST_OUTPUT_BYTES, ToolOutputsRequest } from '@stewrd/core/runs/wire.ts'
import type { ReadRun } from './answer-body.ts'
import { appendByApiKey } from './by-api-key.ts'
import { ContractError } from './contract-error.ts'
import type { Credential, Credentials } from './credentials.ts'
import type { RunsDeps } from './deps.ts'
import { LiveRun } from './live-run.ts'
import type { Runner } from './runner.ts'
import { configOf, targetOf } from './start-run.ts'

type Output = { callId: string; output: string }

/** The outputs in a body, or a `ContractError` that says what is wrong with which. */
export function parseOutputs(body: unknown): Output[] {
  const parsed = ToolOutputsRequest.safeParse(body)
  if (!parsed.success) {
    const field = parsed.error.issues[0]!.path.join('.') || 'tool_outputs'
    throw new ContractError(
      'invalid_tool_outputs',
      `The field "${field}" is not valid: "tool_outputs" must be a list of {"tool_call_id": string, "output": string}.`,
    )
  }
  return parsed.data.tool_outputs.map(({ tool_call_id: callId, output }, i) => {
    if (Buffer.byteLength(output) > MOST_OUTPUT_BYTES)
      throw new ContractError('tool_output_too_large', `The field "tool_outputs.${i}.output" is larger than 100 KB.`)
    return { callId, output }
  })
}

/** Goes on with a run that waits, on this node, whichever it was on before. */
export async function submitOutputs(
  { deps, credentials, runner }: { deps: RunsDeps; credentials: Credentials; runner: Runner },
  authorization: string | undefined,
  { runId, projectId, events, state }: ReadRun,
  outputs: readonly Output[],
): Promise<LiveRun> {
  const { accountId, node, now, limits, store } = deps
  const stream = { accountId, projectId, stream: runStream(runId) }
  const commandId = randomUUID()
  const at = now()
  const submit = async (author: Author, credential: Credential) => {
    const target = targetOf(credential)
    const config = configOf(credential, target)
    const command = { type: 'SubmitToolOutputs', outputs, node, at, deadline: at + limits.run, config } as const
    const done = await store.execute(runs, stream, command, { commandId, ...author })
    const all = [...events, ...done.events.map(({ event }) => event)]
    const run = { runId, projectId, fence: state.fence + 1, events: all, revision: done.revision, watched: false }
    const { sessionId } = state.started
    const history = sessionId === null ? [] : await deps.historyOf(projectId, sessionId, runId)
    return runner.carry(new LiveRun(run), { target, history })
  }
  return appendByApiKey(credentials, authorization, submit).catch((error: unknown) => {
    throw refused(error)
  })
}

function refused(error: unknown): unknown {
  if (!(error instanceof Refusal)) return error
  if (error.code === 'TOOL_OUTPUTS_WRONG') return new ContractError('invalid_tool_outputs', error.message)
  const over = ['TOOL_OUTPUTS_EXPIRED', 'RUN_NOT_WAITING', 'RUN_ENDED', 'RUN_TAKEN_OVER'].includes(error.code)
  return over ? new ContractError('context_expired', error.message) : error
}
