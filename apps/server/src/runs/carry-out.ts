import { setTimeout as wait } from 'node:timers/promises'
import { Refusal } from '@stewrd/core/kernel/errors.ts'
import { StoreUnavailable } from '@stewrd/core/kernel/execute.ts'
import type { RunCommand } from '@stewrd/core/runs/commands.ts'
import type { RunEvent } from '@stewrd/core/runs/events.ts'
import { runs, runStream } from '@stewrd/core/runs/runs.ts'
import type { ContractCode } from '@stewrd/core/runs/wire.ts'
import { demoEgress } from '@stewrd/runtime/demo/demo-model.ts'
import type { Turn } from '@stewrd/runtime/loop/messages.ts'
import { forAnotherModel } from '@stewrd/runtime/loop/messages.ts'
import type { LoopPorts, StepRecord } from '@stewrd/runtime/loop/run-loop.ts'
import { runLoop } from '@stewrd/runtime/loop/run-loop.ts'
import { answer } from '@stewrd/runtime/provider/answer.ts'
import type { ModelAnswer } from '@stewrd/runtime/provider/model-answer.ts'
import { ProviderError } from '@stewrd/runtime/provider/errors.ts'
import { withRetries } from '@stewrd/runtime/provider/retry.ts'
import { errorFields } from '../kernel/log.ts'
import { ContractError } from './contract-error.ts'
import type { RunTarget } from './credentials.ts'
import { isDemo } from './credentials.ts'
import type { RunsDeps } from './deps.ts'
import { startOf } from './deps.ts'
import { fallBack } from './fall-back.ts'
import { fallBackToDefault } from './fall-back-to-default.ts'
import type { KeyReports } from './key-reports.ts'
import type { LiveRun, RunEnd } from './live-run.ts'
import { lostTo } from './live-run.ts'
import { toolsOf } from './tools.ts'

/** How often an end that could not be written is tried again. */
const RETRY_MS = 2_000

type With = { target: RunTarget; history: readonly Turn[] }

/** Carries a run that this node holds to its end, or until it is another's. Never throws for what a provider does. */
export async function carryOut(deps: RunsDeps, reports: KeyReports, live: LiveRun, given: With): Promise<RunEnd> {
  const started = live.events[0]
  if (started?.type !== 'RunStarted') throw new RangeError('a run begins with RunStarted')
  const began = performance.now()
  // A run that was at rest counts from its start, by the clock on the wall.
  const before = live.fence === 1 ? 0 : Math.max(0, deps.now() - startOf(started.data, deps.limits))
  const elapsed = () => Math.round(before + performance.now() - began)
  let { target } = given
  const ports: LoopPorts = {
    runId: live.runId,
    signal: live.signal,
    now: () => performance.now(),
    clock: deps.now,
    record: (step) => record(deps, live, held(step, live, elapsed())),
    async answer(conversation, offer, step) {
      let messages = conversation
      let begun = false
      const onToken = (text: string) => {
        begun = true
        live.feed.token(step, text)
      }
      const ask = () =>
        answer(isDemo(target) ? demoEgress : deps.egress, {
          target: { ...target.provider, model: target.model, key: target.key },
          messages,
          offer,
          signal: live.signal,
          onToken: live.watched ? onToken : undefined,
          outputTokens: target.allowance?.outputTokens,
          timeoutMs: deps.limits.step,
        })
      deps.priceBook.warm(target)
      const asked = performance.now()
      const retried = () => withRetries(ask, { begun: () => begun, signal: live.signal })
      const answered = await retried()
        .catch(async (error: unknown) => {
          // An answer of 401 has no token yet, so nothing was handed over that would come twice.
          const old = await fallBack(deps, live, target, error)
          if (!old) throw error
          reports.rejected(live, target, 401)
          target = old
          return retried()
        })
        .catch(async (error: unknown) => {
          // Text that was handed over already must not come from another model.
          const backup = begun ? undefined : await fallBackToDefault(deps, live, target, error)
          if (!backup) throw error
          if (error instanceof ProviderError && error.code === 'provider_key_rejected')
            reports.rejected(live, target, error.status ?? 401)
          target = backup
          messages = forAnotherModel(messages)
          return retried()
        })
      reports.worked(live, target, Math.round(performance.now() - asked))
      return { ...answered, costNanoUsd: answered.costNanoUsd ?? (await deps.priceBook.cost(target, answered.tokens)) }
    },
  }
  try {
    const run = {
      started: started.data,
      events: live.events.slice(1),
      history: given.history,
      tools: toolsOf(deps, live, started.data),
    }
    return { status: await runLoop(ports, run) }
  } catch (error) {
    const lost = lostTo(error)
    if (lost) return lost
    if (live.reason === 'moved' || live.reason === 'cancelled') return { status: live.reason }
    const failure = failureOf(live.reason ?? error)
    if (error instanceof ProviderError && error.code === 'provider_key_rejected')
      reports.rejected(live, target, error.status ?? 401)
    if (!(error instanceof ProviderError) && !(error instanceof ContractError))
      deps.log.warn({ run: live.runId, err: errorFields(error) }, 'a run failed on the server')
    return fail(deps, live, failure, elapsed())
  }
}

/** The command ids are the run's own: a step that was recorded is not recorded again, however often it is tried. */
type Named = { command: RunCommand; commandId: string }

function held(step: StepRecord, { runId, fence }: LiveRun, durationMs: number): Named {
  switch (step.type) {
    case 'CompleteRun':
      return { command: { ...step, fence, durationMs }, commandId: `end:${runId}:${fence}` }
    case 'RecordAnswer':
      return { command: { ...step, fence }, commandId: `step:${runId}:${fence}:${step.answer.step}` }
    case 'RecordToolReturn':
      return { command: { ...step, fence }, commandId: `tool:${runId}:${fence}:${step.returned.callId}` }
    default:
      return step satisfies never
  }
}

export async function record(
  deps: RunsDeps,
  live: LiveRun,
  { command, commandId }: Named,
): Promise<readonly RunEvent[]> {
  const stream = { accountId: deps.accountId, projectId: live.projectId, stream: runStream(live.runId) }
  const { events, revision } = await deps.store.execute(runs, stream, command, { commandId, actor: 'system:runtime' })
  const recorded = events.map(({ event }) => event)
  live.take(recorded, revision)
  return recorded
}

/** Records the only answer of a run that its client has already: however long that takes, it never becomes a failure. */
export async function complete(
  deps: RunsDeps,
  live: LiveRun,
  { answer, durationMs }: { answer: ModelAnswer; durationMs: number },
): Promise<RunEnd> {
  const command = {
    type: 'CompleteRun',
    fence: live.fence,
    answer: { ...answer, step: 1, durationMs },
    durationMs,
  } as const
  try {
    await record(deps, live, { command, commandId: `end:${live.runId}:${live.fence}` })
  } catch (unwritten) {
    const lost = lostTo(unwritten)
    if (lost) return lost
    deps.log.warn({ run: live.runId, err: errorFields(unwritten) }, 'the end of a run could not be recorded')
    if (unwritten instanceof StoreUnavailable)
      live.unwritten = wait(RETRY_MS, undefined, { ref: false }).then(() =>
        complete(deps, live, { answer, durationMs }),
      )
  }
  return { status: 'completed' }
}

/** An end that cannot be written now is written as soon as it can be: this node lives, so nobody else will. */
export async function fail(deps: RunsDeps, live: LiveRun, error: ContractError, durationMs: number): Promise<RunEnd> {
  const { code, message } = error
  const command = { type: 'FailRun', fence: live.fence, code, message, durationMs } as const
  try {
    await record(deps, live, { command, commandId: `fail:${live.runId}:${live.fence}` })
  } catch (unwritten) {
    const lost = lostTo(unwritten)
    if (lost) return lost
    if (unwritten instanceof Refusal) return { status: 'failed', error }
    deps.log.warn({ run: live.runId, err: errorFields(unwritten) }, 'the end of a run could not be recorded')
    if (unwritten instanceof StoreUnavailable)
      live.unwritten = wait(RETRY_MS, undefined, { ref: false }).then(() => fail(deps, live, error, durationMs))
  }
  return { status: 'failed', error }
}

export function failureOf(error: unknown): ContractError {
  if (error instanceof ContractError) return error
  if (error instanceof ProviderError)
    return new ContractError(error.code satisfies ContractCode, error.message, {
      retryAfter: error.retryAfter,
      cause: error,
    })
  if (error instanceof StoreUnavailable)
    return new ContractError('service_unavailable', 'The database is not available. Try again in a moment.', {
      retryAfter: 2,
      cause: error,
    })
  return new ContractError('compute_error', 'The run failed on the server.', { cause: error })
}
