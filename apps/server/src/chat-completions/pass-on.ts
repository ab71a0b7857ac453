import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import type { ReadOptions } from '@stewrd/runtime/provider/completion/chunk-reader.ts'
import type { OpenStream } from '@stewrd/runtime/provider/completion/open.ts'
import { openStream, openWhole } from '@stewrd/runtime/provider/completion/open.ts'
import type { Whole } from '@stewrd/runtime/provider/completion/whole.ts'
import { Aborted } from '@stewrd/runtime/provider/errors.ts'
import type { ModelAnswer } from '@stewrd/runtime/provider/model-answer.ts'
import { outputBound } from '@stewrd/runtime/provider/output-bound.ts'
import { scrubberOf } from '@stewrd/runtime/provider/reading/key-scrubber.ts'
import { withRetries } from '@stewrd/runtime/provider/retry.ts'
import { send } from '@stewrd/runtime/provider/send.ts'
import { demoEgress } from '@stewrd/runtime/demo/demo-model.ts'
import type { RunTarget } from '../runs/credentials.ts'
import { isDemo } from '../runs/credentials.ts'
import type { RunsDeps } from '../runs/deps.ts'
import { fallBack } from '../runs/fall-back.ts'
import type { KeyReports } from '../runs/key-reports.ts'
import type { LiveRun } from '../runs/live-run.ts'
import type { SseStream } from '../runs/sse.ts'
import type { RecentRefusals, RetryingClient } from './recent-refusals.ts'
import type { ChatCompletionRequest } from './request.ts'
import { namesLength } from './within-allowance.ts'

type Call = {
  deps: RunsDeps
  reports: KeyReports
  refusals: RecentRefusals
  client: RetryingClient
  live: LiveRun
  target: RunTarget
  request: ChatCompletionRequest
}
type Opened = { whole: Whole } | { stream: OpenStream }

/** The provider's answer, understood as far as it must be before the client has any of it; with the old key where an overlap allows that. */
export async function called({ deps, reports, refusals, client, live, target, request }: Call): Promise<Opened> {
  const repeated = { client, projectId: live.projectId, target, request }
  refusals.check(repeated)
  const ask = (to: RunTarget) =>
    withRetries(() => asked(deps, live, to, request), { begun: () => false, signal: live.signal })
  const began = performance.now()
  const opened = await ask(target).catch(async (error: unknown) => {
    const old = await fallBack(deps, live, target, error)
    if (!old) throw refusals.told(repeated, error)
    reports.rejected(live, target, 401)
    return ask({ ...old, model: target.model })
  })
  reports.worked(live, target, Math.round(performance.now() - began))
  return opened
}

async function asked(deps: RunsDeps, live: LiveRun, to: RunTarget, request: ChatCompletionRequest): Promise<Opened> {
  const own = request.stream === true && request.stream_options === undefined
  const { allowance } = to
  const bound = allowance && !namesLength(request) ? outputBound(to.provider, allowance.outputTokens) : undefined
  const posted = await send(isDemo(to) ? demoEgress : deps.egress, {
    target: { ...to.provider, key: to.key },
    body: { ...request, ...counted(request), ...bound?.fields, model: to.model },
    optional: { ...(own && { stream_options: {} }), ...bound?.optional },
    signal: live.signal,
    timeoutMs: deps.limits.step,
  })
  const options: ReadOptions = { asked: request, scrubber: scrubberOf(to.key) }
  try {
    return request.stream ? { stream: await openStream(posted, options) } : { whole: await openWhole(posted, options) }
  } catch (error) {
    if (live.signal.aborted) throw live.signal.reason instanceof Error ? live.signal.reason : new Aborted('stopped')
    throw error
  }
}

/** A stream tells its tokens only when it is asked to; what the client did not ask for is left out again. */
const counted = ({ stream, stream_options: options }: ChatCompletionRequest) =>
  stream ? { stream_options: { ...options, include_usage: true } } : {}

/** Each frame as it comes, no faster than the client reads, and the end of the stream once it is known to be one. Throws when the provider broke off. */
export async function passStream(
  { frames, answer }: OpenStream,
  stream: SseStream,
  { raw, withoutUsage }: { raw: ServerResponse; withoutUsage: boolean },
): Promise<ModelAnswer> {
  const write = async (text: string) => {
    if (!stream.write(text)) await readyAgain(raw)
  }
  for await (const some of frames) {
    const told = withoutUsage ? some.filter(({ onlyUsage }) => !onlyUsage) : some
    if (told.length > 0) await write(told.map(({ json }) => `data: ${json}\n\n`).join(''))
  }
  const said = answer()
  await write('data: [DONE]\n\n')
  return said
}

/** Once the client has read what waits for it, or went away. */
async function readyAgain(raw: ServerResponse): Promise<void> {
  const settled = new AbortController()
  const { signal } = settled
  await Promise.race([once(raw, 'drain', { signal }), once(raw, 'close', { signal })]).finally(() => settled.abort())
}
