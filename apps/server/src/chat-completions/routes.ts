import { setImmediate as nextTurn } from 'node:timers/promises'
import { ProviderError } from '@stewrd/runtime/provider/errors.ts'
import type { ModelAnswer } from '@stewrd/runtime/provider/model-answer.ts'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { setSecurityHeaders } from '../kernel/security-headers.ts'
import { complete, fail, failureOf, record } from '../runs/carry-out.ts'
import { seenError } from '../runs/contract-error-of.ts'
import { ContractError } from '../runs/contract-error.ts'
import { invalidApiKey } from '../runs/credentials.ts'
import type { KeyReports } from '../runs/key-reports.ts'
import { LiveRun, lostTo } from '../runs/live-run.ts'
import type { RunEnd } from '../runs/live-run.ts'
import type { SseStream } from '../runs/sse.ts'
import { sseStream } from '../runs/sse.ts'
import type { StartedRun } from '../runs/start-run.ts'
import { startRun } from '../runs/start-run.ts'
import type { V1 } from '../runs/v1.ts'
import { limitHeaders } from '../limits/headers.ts'
import { openAiError } from './errors.ts'
import { called, passStream } from './pass-on.ts'
import type { RetryingClient } from './recent-refusals.ts'
import { RecentRefusals, retryingClient } from './recent-refusals.ts'
import type { ChatCompletionRequest } from './request.ts'
import { lastText, modelOf, parseChatCompletion } from './request.ts'
import { refuseBeyond } from './within-allowance.ts'

/** The OpenAI-compatible door: a chat completion with the project's own key, under its limits, in its history. */
export function chatCompletionRoutes(app: FastifyInstance, v1: V1): void {
  const { deps, credentials, runner } = v1
  const refusals = new RecentRefusals()

  void app.register(async (scope) => {
    scope.setErrorHandler(async (error, request, reply) => {
      const known = seenError(error, request)
      if (known.retryAfter !== null) reply.header('retry-after', String(known.retryAfter))
      // The provider was called as often as it should be: official clients would do the same again, twice.
      if (known.cause instanceof ProviderError) reply.header('x-should-retry', 'false')
      limitHeaders(reply, known.minute)
      const { status, body } = openAiError(known)
      await reply.code(status).send(body)
    })
    scope.post(
      '/v1/chat/completions',
      { bodyLimit: v1.completionLimit, onRequest: v1.admitted },
      async (request, reply) => {
        const asked = parseChatCompletion(request.body)
        const { ready } = await runner.starting(() => begun(request, reply, asked))
        const text = await ready
        if (text === undefined) return reply
        return reply.type('application/json; charset=utf-8').send(text)
      },
    )
  })

  async function begun(request: FastifyRequest, reply: FastifyReply, asked: ChatCompletionRequest) {
    const started = await startRun(deps, credentials, request.headers.authorization, {
      request: { message: lastText(asked), capabilities: ['chat'], stream: asked.stream ?? false },
      object: 'chat.completion',
      sessionId: null,
      model: modelOf(asked),
      accept: (target) => refuseBeyond(target, asked),
    })
    reply.headers({
      'x-stewrd-run': started.runId,
      'x-stewrd-revision': String(started.credential.revision),
      'x-stewrd-key-source': started.target.source,
    })
    limitHeaders(reply, started.minute)
    return held(
      started,
      { asked, reply, authorization: request.headers.authorization },
      retryingClient(request.headers),
    )
  }

  /** `ready`: the whole answer, or undefined once it is streamed. */
  function held(run: StartedRun, { asked, reply, authorization }: Held, client: RetryingClient) {
    const { runId, credential, started, revision, target } = run
    const events = [{ type: 'RunStarted', version: 3, data: started } as const]
    const live = new LiveRun({ runId, projectId: credential.projectId, fence: 1, events, revision, watched: false })
    // A client that went away wants no answer any more, and pays for none.
    reply.raw.once('close', () => {
      if (!reply.raw.writableFinished) live.stop('cancelled')
    })
    const key = credentials.watch(authorization)
    reply.raw.once('close', key.close)
    if (asked.stream) key.ended.addEventListener('abort', () => live.stop('cancelled'))
    const ready = Promise.withResolvers<string | undefined>()
    // Where the project has so many runs at once, the client's next one counts this one until its end is written.
    const atOnce = typeof credential.limits?.runsAtOnce === 'number'
    const revoked = key.ended
    runner.hold(live, (reports) => carried({ live, reports, client, asked, target, reply, ready, atOnce, revoked }))
    return { ready: ready.promise }
  }

  type Held = { asked: ChatCompletionRequest; reply: FastifyReply; authorization: string | undefined }
  type Carried = {
    live: LiveRun
    reports: KeyReports
    client: RetryingClient
    asked: ChatCompletionRequest
    target: StartedRun['target']
    reply: FastifyReply
    /** The whole answer; undefined once a stream has been begun. Rejected before there is either. */
    ready: PromiseWithResolvers<string | undefined>
    /** The end is on its way before the answer is. */
    atOnce: boolean
    /** Aborts when the key that was sent is no longer valid. */
    revoked: AbortSignal
  }

  /** The client has its answer before the end of the run is written. */
  async function carried(all: Carried): Promise<RunEnd> {
    const { live, reports, client, asked, target, reply, ready, atOnce, revoked } = all
    const began = performance.now()
    const elapsed = () => Math.round(performance.now() - began)
    const stream = asked.stream ? streamTo(reply, ready) : undefined
    const refuse = (failure: ContractError) => {
      // OpenAI's clients throw for a frame that holds an error.
      if (stream?.begun) stream.write(`data: ${JSON.stringify(openAiError(failure).body)}\n\n`)
      ready.reject(failure)
    }
    let answer: ModelAnswer
    try {
      const opened = await called({ deps, reports, refusals, client, live, target, request: asked })
      const withoutUsage = asked.stream_options?.include_usage !== true
      if ('stream' in opened) answer = await passStream(opened.stream, stream!, { raw: reply.raw, withoutUsage })
      else {
        ready.resolve(opened.whole.json)
        ;({ answer } = opened.whole)
      }
      stream?.end()
    } catch (error) {
      const lost = lostTo(error)
      if (lost) return lost
      if (live.reason === 'cancelled') {
        if (revoked.aborted) refuse(invalidApiKey())
        return await cancelled(live, elapsed())
      }
      const failure = live.reason === 'moved' ? serverStopped() : failureOf(live.reason ?? error)
      if (error instanceof ProviderError && error.code === 'provider_key_rejected')
        reports.rejected(live, target, error.status ?? 401)
      refuse(failure)
      return fail(deps, live, failure, elapsed())
    } finally {
      stream?.end()
    }
    const durationMs = elapsed()
    // To seal the end takes longer than to write the answer: that goes out first.
    if (!atOnce) await nextTurn()
    return complete(deps, live, { answer: { ...answer, costNanoUsd: await costOf(answer, target) }, durationMs })
  }

  const costOf = async ({ costNanoUsd, tokens }: ModelAnswer, target: StartedRun['target']) =>
    costNanoUsd ?? (await deps.priceBook.cost(target, tokens))

  function streamTo(reply: FastifyReply, ready: Carried['ready']): SseStream {
    setSecurityHeaders(reply, { https: v1.https })
    return sseStream(reply, { onBegin: () => ready.resolve(undefined) })
  }

  async function cancelled(live: LiveRun, durationMs: number): Promise<RunEnd> {
    const command = { type: 'CancelRun', durationMs } as const
    await record(deps, live, { command, commandId: `cancel:${live.runId}` }).catch((error: unknown) => {
      if (!lostTo(error)) throw error
    })
    return { status: 'cancelled' }
  }
}

/** No other server can go on with an answer that is passed on as it comes. */
const serverStopped = () =>
  new ContractError(
    'service_unavailable',
    'The server stopped before the answer was complete. Send the request again.',
    {
      retryAfter: 1,
    },
  )
