import { setImmediate as nextTurn } from 'node:timers/promises'
import type { Posted } from '@stewrd/runtime/egress/post.ts'
import type { ModelAnswer } from '@stewrd/runtime/provider/answer.ts'
import type { FastifyInstance, FastifyReply } from 'fastify'
import { setSecurityHeaders } from '../kernel/security-headers.ts'
import { fail, failureOf, record } from '../runs/carry-out.ts'
import { seenError } from '../runs/contract-error-of.ts'
import type { ContractError } from '../runs/contract-error.ts'
import type { KeyReports } from '../runs/key-reports.ts'
import { LiveRun, lostTo } from '../runs/live-run.ts'
import type { RunEnd } from '../runs/live-run.ts'
import type { StartedRun } from '../runs/start-run.ts'
import { startRun } from '../runs/start-run.ts'
import type { V1 } from '../runs/v1.ts'
import { limitHeaders } from '../limits/headers.ts'
import { openAiError } from './errors.ts'
import { called, passStream, passWhole } from './pass-on.ts'
import type { ChatCompletionRequest } from './request.ts'
import { lastText, modelOf, parseChatCompletion } from './request.ts'

/** The OpenAI-compatible door: a chat completion with the project's own key, under its limits, in its history. */
export function chatCompletionRoutes(app: FastifyInstance, v1: V1): void {
  const { deps, credentials, runner } = v1

  void app.register(async (scope) => {
    scope.setErrorHandler(async (error, request, reply) => {
      const known = seenError(error, request)
      if (known.retryAfter !== null) reply.header('retry-after', String(known.retryAfter))
      limitHeaders(reply, known.minute)
      const { status, body } = openAiError(known)
      await reply.code(status).send(body)
    })
    scope.post(
      '/v1/chat/completions',
      { bodyLimit: v1.completionLimit, onRequest: v1.admitted },
      async (request, reply) => {
        const asked = parseChatCompletion(request.body)
        const started = await startRun(deps, credentials, request.headers.authorization, {
          request: { message: lastText(asked), capabilities: ['chat'], stream: asked.stream ?? false },
          object: 'chat.completion',
          sessionId: null,
          model: modelOf(asked),
        })
        reply.headers({
          'x-stewrd-run': started.runId,
          'x-stewrd-revision': String(started.credential.revision),
          'x-stewrd-key-source': started.target.source,
        })
        limitHeaders(reply, started.minute)
        return await answered(started, asked, reply)
      },
    )
  })

  async function answered(run: StartedRun, asked: ChatCompletionRequest, reply: FastifyReply) {
    const { runId, credential, started, revision, target } = run
    const events = [{ type: 'RunStarted', version: 3, data: started } as const]
    const live = new LiveRun({ runId, projectId: credential.projectId, fence: 1, events, revision, watched: false })
    // A client that went away wants no answer any more, and pays for none.
    reply.raw.once('close', () => {
      if (!reply.raw.writableFinished) live.stop('cancelled')
    })
    const ready = Promise.withResolvers<string | undefined>()
    // Where the project has so many runs at once, the client's next one counts this one until its end is written.
    const atOnce = typeof credential.limits?.runsAtOnce === 'number'
    runner.hold(live, (reports) => carried({ live, reports, asked, target, reply, ready, atOnce }))
    const text = await ready.promise
    if (text === undefined) return reply
    return reply.type('application/json; charset=utf-8').send(text)
  }

  type Carried = {
    live: LiveRun
    reports: KeyReports
    asked: ChatCompletionRequest
    target: StartedRun['target']
    reply: FastifyReply
    /** The whole answer; undefined once a stream has been begun. Rejected before there is either. */
    ready: PromiseWithResolvers<string | undefined>
    /** The end is on its way before the answer is. */
    atOnce: boolean
  }

  /** The client has its answer before the end of the run is written. */
  async function carried({ live, reports, asked, target, reply, ready, atOnce }: Carried): Promise<RunEnd> {
    const began = performance.now()
    const elapsed = () => Math.round(performance.now() - began)
    try {
      const response = await called({ deps, reports, live, target, request: asked })
      const answer = await handedOver(response, asked, reply, ready)
      const durationMs = elapsed()
      // To seal the end takes longer than to write the answer: that goes out first.
      if (!atOnce) await nextTurn()
      const costNanoUsd = answer.costNanoUsd ?? (await deps.priceBook.cost(target, answer.tokens))
      const said = { ...answer, costNanoUsd, step: 1, durationMs }
      const command = { type: 'CompleteRun', fence: live.fence, answer: said, durationMs } as const
      await record(deps, live, { command, commandId: `end:${live.runId}:${live.fence}` })
      return { status: 'completed' }
    } catch (error) {
      const lost = lostTo(error)
      if (lost) return lost
      if (live.reason === 'cancelled') return await cancelled(live, elapsed())
      const failure = failureOf(live.reason instanceof Error ? live.reason : error)
      if ('status' in (error as object) && failure.code === 'provider_key_rejected') reports.rejected(live, target, 401)
      ready.reject(failure)
      if (reply.raw.headersSent) breakOff(reply, failure)
      return fail(deps, live, failure, elapsed())
    }
  }

  async function handedOver(
    response: Posted,
    asked: ChatCompletionRequest,
    reply: FastifyReply,
    ready: Carried['ready'],
  ): Promise<ModelAnswer> {
    if (!asked.stream) {
      const { text, answer } = await passWhole(response)
      ready.resolve(text)
      return answer
    }
    setSecurityHeaders(reply, { https: v1.https })
    reply.hijack()
    const headers = {
      ...reply.getHeaders(),
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-store',
    }
    reply.raw.writeHead(200, headers as Record<string, string>)
    ready.resolve(undefined)
    // Most providers send their first frame with the headers: then ours go out together, too.
    const flush = setImmediate(() => reply.raw.flushHeaders())
    const withoutUsage = asked.stream_options?.include_usage !== true
    const onFrame = () => clearImmediate(flush)
    const answer = await passStream(response, reply, { withoutUsage, onFrame }).finally(onFrame)
    reply.raw.end()
    return answer
  }

  async function cancelled(live: LiveRun, durationMs: number): Promise<RunEnd> {
    const command = { type: 'CancelRun', durationMs } as const
    await record(deps, live, { command, commandId: `cancel:${live.runId}` }).catch((error: unknown) => {
      if (!lostTo(error)) throw error
    })
    return { status: 'cancelled' }
  }
}

/** OpenAI's clients throw for a frame that holds an error. */
function breakOff({ raw }: FastifyReply, failure: ContractError): void {
  if (raw.destroyed || raw.writableEnded) return
  raw.end(`data: ${JSON.stringify(openAiError(failure).body)}\n\n`)
}
