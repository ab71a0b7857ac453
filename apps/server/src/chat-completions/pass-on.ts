import { once } from 'node:events'
import type { Posted } from '@stewrd/runtime/egress/post.ts'
import type { ModelAnswer } from '@stewrd/runtime/provider/answer.ts'
import { CompletionReader } from '@stewrd/runtime/provider/completion-reader.ts'
import { ProviderError } from '@stewrd/runtime/provider/errors.ts'
import { forward } from '@stewrd/runtime/provider/forward.ts'
import { withRetries } from '@stewrd/runtime/provider/retry.ts'
import { demoEgress } from '@stewrd/runtime/demo/demo-model.ts'
import type { FastifyReply } from 'fastify'
import type { RunTarget } from '../runs/credentials.ts'
import { isDemo } from '../runs/credentials.ts'
import type { RunsDeps } from '../runs/deps.ts'
import { fallBack } from '../runs/fall-back.ts'
import type { KeyReports } from '../runs/key-reports.ts'
import type { LiveRun } from '../runs/live-run.ts'
import type { ChatCompletionRequest } from './request.ts'

type Call = { deps: RunsDeps; reports: KeyReports; live: LiveRun; target: RunTarget; request: ChatCompletionRequest }

/** The provider's answer, its body unread; with the old key where an overlap allows that. */
export async function called({ deps, reports, live, target, request }: Call): Promise<Posted> {
  const ask = (to: RunTarget) =>
    withRetries(
      () =>
        forward(isDemo(to) ? demoEgress : deps.egress, {
          target: { ...to.provider, key: to.key },
          body: { ...request, ...counted(request), model: to.model },
          signal: live.signal,
          timeoutMs: deps.limits.step,
        }),
      { begun: () => false, signal: live.signal },
    )
  const began = performance.now()
  const response = await ask(target).catch(async (error: unknown) => {
    const old = await fallBack(deps, live, target, error)
    if (!old) throw error
    reports.rejected(live, target, 401)
    return ask({ ...old, model: target.model })
  })
  reports.worked(live, target, Math.round(performance.now() - began))
  return response
}

/** A stream tells its tokens only when it is asked to; what the client did not ask for is left out again. */
const counted = ({ stream, stream_options: options }: ChatCompletionRequest) =>
  stream ? { stream_options: { ...options, include_usage: true } } : {}

const brokenOff = () => new ProviderError('compute_error', 'The provider broke off in the middle of its answer.')

/** The whole answer as text, and what it says. */
export async function passWhole(response: Posted): Promise<{ text: string; answer: ModelAnswer }> {
  const text = await response.text().catch(() => {
    throw brokenOff()
  })
  const reader = new CompletionReader()
  reader.whole(text)
  const answer = reader.answer()
  if (!answer) throw new ProviderError('compute_error', 'The provider sent an answer that cannot be read.')
  return { text, answer }
}

/** Each frame as it comes, no faster than the client reads; `onFrame` is called before. Throws when the provider broke off; then the stream was not ended. */
export async function passStream(
  response: Posted,
  { raw }: FastifyReply,
  { withoutUsage, onFrame }: { withoutUsage: boolean; onFrame(): void },
): Promise<ModelAnswer> {
  const reader = new CompletionReader()
  const decoder = new TextDecoder()
  const write = async (text: string) => {
    if (text) onFrame()
    if (text && !raw.destroyed && !raw.write(text)) await Promise.race([once(raw, 'drain'), once(raw, 'close')])
  }
  try {
    for await (const chunk of response.body ?? [])
      await write(reader.frames(decoder.decode(chunk, { stream: true }), { withoutUsage }))
  } catch (error) {
    throw error instanceof ProviderError ? error : brokenOff()
  }
  await write(reader.rest())
  const answer = reader.answer()
  if (!answer) throw brokenOff()
  return answer
}
