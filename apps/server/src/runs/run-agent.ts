import { Refusal } from '@stewrd/core/kernel/errors.ts'
import { StoreUnavailable } from '@stewrd/core/kernel/execute.ts'
import { keyHealth, keyHealthStream } from '@stewrd/core/key-health/key-health.ts'
import type { KeyCheck } from '@stewrd/core/key-health/commands.ts'
import type { RunCommand } from '@stewrd/core/runs/commands.ts'
import type { ContractCode, RunRequest } from '@stewrd/core/runs/wire.ts'
import { runs, runStream } from '@stewrd/core/runs/runs.ts'
import { demoFetch } from '@stewrd/runtime/demo/demo-model.ts'
import { conversation, runChat } from '@stewrd/runtime/loop/chat.ts'
import type { Step } from '@stewrd/runtime/loop/chat.ts'
import { answer } from '@stewrd/runtime/provider/answer.ts'
import type { Message } from '@stewrd/runtime/provider/answer.ts'
import { ProviderError } from '@stewrd/runtime/provider/errors.ts'
import { LRUCache } from 'lru-cache'
import { errorFields } from '../kernel/log.ts'
import { ContractError } from './contract-error.ts'
import type { RunTarget } from './credentials.ts'
import { isDemo } from './credentials.ts'
import type { RunsDeps } from './deps.ts'
import { fallBack } from './fall-back.ts'
import type { StartedRun } from './start-run.ts'

/** A synchronous call answers before clients give up at 120 s. */
const RUN_LIMIT_MS = 115_000
/** More at once would only wait for each other. */
const MOST_AT_ONCE = 1_000
/** How often an end that could not be written is tried again. */
const RETRY_MS = 2_000

export type FinishedRun = {
  message: string
  tokens: { input: number; output: number }
  durationMs: number
  /** The key that answered, where it was not the one that the run started on. */
  fallback?: string
}

/** Runs what `startRun` started, to its end: `RunCompleted`, or `RunFailed` and a `ContractError`. */
export class Runner {
  readonly #deps: RunsDeps
  readonly #running = new Map<AbortController, Promise<unknown>>()
  // Projects whose key a run has found to work within the last minute: thousands of runs that find the same need no look at the database.
  readonly #working = new LRUCache<string, true>({ max: 10_000, ttl: 60_000 })
  #draining = false

  constructor(deps: RunsDeps) {
    this.#deps = deps
  }

  /** Refuses new runs while the server stops, or has as many as it can carry. */
  admit(): void {
    if (this.#running.size >= MOST_AT_ONCE)
      throw new ContractError(
        'service_unavailable',
        'This server runs as many agents as it can. Try again in a moment.',
        {
          retryAfter: 2,
        },
      )
    if (this.#draining)
      throw new ContractError('service_unavailable', 'This server is stopping. Try again in a moment.', {
        retryAfter: 2,
      })
  }

  run(started: StartedRun, request: RunRequest, onToken?: (text: string) => void): Promise<FinishedRun> {
    const stop = new AbortController()
    const limit = setTimeout(() => stop.abort(tooLong()), RUN_LIMIT_MS)
    const running = this.#run(started, request, stop.signal, onToken)
    const settled = running.then(noop, noop).then(() => {
      clearTimeout(limit)
      this.#running.delete(stop)
    })
    this.#running.set(stop, settled)
    return running
  }

  /** No new runs; those that run get `ms` to finish, then they end as failed. */
  async drain(ms: number): Promise<void> {
    this.#draining = true
    const timer = setTimeout(() => {
      for (const stop of this.#running.keys()) stop.abort(stopped())
    }, ms)
    await Promise.all(this.#running.values())
    clearTimeout(timer)
  }

  async #run(
    started: StartedRun,
    request: RunRequest,
    signal: AbortSignal,
    onToken?: (text: string) => void,
  ): Promise<FinishedRun> {
    const began = performance.now()
    const elapsed = () => Math.round(performance.now() - began)
    let { target } = started
    try {
      const first = this.#answer(target, request, signal, onToken)
      const { durationMs: stepMs, ...step } = await first.catch(async (error: unknown) => {
        // An answer of 401 has no token yet, so nothing was handed over that would come twice.
        const old = await fallBack(this.#deps, started, error)
        if (!old) throw error
        this.#reportHealth(started, target, rejection(401))
        target = old
        return this.#answer(target, request, signal, onToken)
      })
      const durationMs = elapsed()
      await this.#record(started, 'end', { type: 'CompleteRun', answer: { ...step, durationMs: stepMs }, durationMs })
      if (started.target.provider.provider !== 'custom')
        this.#reportHealth(started, target, { health: 'verified', method: 'run', latencyMs: stepMs })
      const fellBack = target !== started.target && target.fingerprint !== null && { fallback: target.fingerprint }
      return { message: step.content, tokens: step.tokens, durationMs, ...fellBack }
    } catch (error) {
      const failure = failureOf(error)
      if (error instanceof ProviderError && error.code === 'provider_key_rejected')
        this.#reportHealth(started, target, rejection(error.status ?? 401))
      await this.#fail(started, failure, elapsed())
      throw failure
    }
  }

  #answer(
    target: RunTarget,
    request: RunRequest,
    signal: AbortSignal,
    onToken?: (text: string) => void,
  ): Promise<Step> {
    const { provider, model, key } = target
    const egress = isDemo(target) ? { fetch: demoFetch } : this.#deps.egress
    const ports = {
      now: () => performance.now(),
      answer: (messages: readonly Message[]) =>
        answer(egress, { target: { ...provider, model, key }, messages, signal, onToken, timeoutMs: RUN_LIMIT_MS }),
    }
    return runChat(ports, conversation(request.message, request.files ?? []))
  }

  async #record({ runId, credential }: StartedRun, what: string, command: RunCommand): Promise<void> {
    const stream = { accountId: this.#deps.accountId, projectId: credential.projectId, stream: runStream(runId) }
    await this.#deps.store.execute(runs, stream, command, { commandId: `${what}:${runId}`, actor: 'system:runtime' })
  }

  /** An end that cannot be written now is written as soon as it can be: this node lives, so nobody else will. */
  async #fail(started: StartedRun, failure: ContractError, durationMs: number): Promise<void> {
    const { code, message } = failure
    try {
      await this.#record(started, 'fail', { type: 'FailRun', code, message, durationMs })
    } catch (error) {
      // It has ended already: reaped while this node was cut off, or completed in the very moment of an outage.
      if (error instanceof Refusal) return
      this.#deps.log.warn({ run: started.runId, err: errorFields(error) }, 'the end of a run could not be recorded')
      if (error instanceof StoreUnavailable && !this.#draining)
        setTimeout(() => void this.#fail(started, failure, durationMs), RETRY_MS).unref()
    }
  }

  /** Beside the answer, not before it. */
  #reportHealth({ credential, runId }: StartedRun, { fingerprint }: RunTarget, check: KeyCheck): void {
    if (fingerprint === null) return
    // The same key may stand in several projects, and each has its own history.
    const known = `${credential.projectId}/${fingerprint}`
    if (check.health === 'verified' && this.#working.has(known)) return
    if (check.health === 'verified') this.#working.set(known, true)
    else this.#working.delete(known)
    const { accountId, store, log } = this.#deps
    const stream = { accountId, projectId: credential.projectId, stream: keyHealthStream(credential.projectId) }
    const command = { type: 'RecordKeyCheck', fingerprint, source: 'run', check } as const
    store
      .execute(keyHealth, stream, command, { commandId: `health:${runId}:${fingerprint}`, actor: 'system:runtime' })
      .catch((error: unknown) => {
        this.#working.delete(known)
        log.warn({ err: errorFields(error) }, 'the health of a key could not be recorded')
      })
  }
}

const rejection = (status: number): KeyCheck => ({
  health: 'rejected',
  status,
  reason: 'The provider refused the key during a run.',
})
const noop = () => {}
const tooLong = () => new ProviderError('compute_unavailable', 'The run took too long and was stopped.')
const stopped = () => new ProviderError('compute_unavailable', 'The server stopped while the run was under way.')

function failureOf(error: unknown): ContractError {
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
