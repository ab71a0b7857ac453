import { setTimeout as wait } from 'node:timers/promises'
import type { RunEvent } from '@stewrd/core/runs/events.ts'
import { runStream } from '@stewrd/core/runs/runs.ts'
import type { ContractCode, RunAnswer } from '@stewrd/core/runs/wire.ts'
import { contractErrors } from '@stewrd/core/runs/wire.ts'
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { ReadRun } from './answer-body.ts'
import { answerBody, doneData, readRun } from './answer-body.ts'
import { ContractError } from './contract-error.ts'
import { invalidApiKey } from './credentials.ts'
import type { RunsDeps } from './deps.ts'
import { FeedCursor, RunFeed } from './feed.ts'
import type { LiveRun } from './live-run.ts'
import { tooLong } from './live-run.ts'
import type { Runner } from './runner.ts'
import { eventStream } from './sse.ts'

/** So often a run that another node carries out is looked at. */
const LOOK_MS = 300

type Named = { runId: string; projectId: string }
/** `wait`: milliseconds that the client waits for the end before it is told that the run is under way; undefined: it cannot be told that. */
type WholeOptions = { wait?: number | undefined; base: string }

/** `revoked` aborts when the key that the stream was opened with is no longer valid. */
type StreamOptions = { base: string; revoked: AbortSignal }

/** Answers requests about runs, wherever they are carried out. */
export class Answers {
  readonly #deps: RunsDeps
  readonly #runner: Runner

  constructor(deps: RunsDeps, runner: Runner) {
    this.#deps = deps
    this.#runner = runner
  }

  /** Undefined for a run that is not there. */
  async read({ runId, projectId }: Named): Promise<ReadRun | undefined> {
    const stream = { accountId: this.#deps.accountId, projectId, stream: runStream(runId) }
    const recorded = await this.#deps.store.read(stream)
    return readRun(
      runId,
      projectId,
      recorded.map(({ event }) => event as RunEvent),
    )
  }

  /** `base`: the address that this server is known under, for the URLs of files. */
  async body(run: ReadRun, base: string): Promise<RunAnswer> {
    const { node, files, limits, tolls } = this.#deps
    const fileUrl = (id: string, name: string) => base + files.urls.path(id, name)
    return answerBody(run, { node, fileUrl, limits, account: await tolls.account() })
  }

  /** The answer once the run has ended or waits for the client; `in_progress` only for who asked for that. A failed run is thrown. */
  async whole(run: Named, { wait: patience, base }: WholeOptions): Promise<RunAnswer> {
    const limit = Math.min(patience ?? this.#deps.limits.sync, this.#deps.limits.sync)
    const until = performance.now() + limit
    const live = this.#runner.live(run.runId)
    if (live) {
      const end = await ended(live, limit)
      if (end === undefined && patience === undefined) live.stop(tooLong())
      const last = end ?? (patience === undefined ? await live.ended.promise : undefined)
      if (last === undefined) return this.body(readOf(live), base)
      if (last.status === 'failed') throw last.error
      if (last.status === 'completed' || last.status === 'waiting') return this.body(readOf(live), base)
    }
    for (;;) {
      const found = await this.read(run)
      if (!found) throw notThere()
      const { status } = found.state
      if (status === 'failed') throw failureOf(found)
      if (status !== 'running') return this.body(found, base)
      if (this.#runner.handedOver) throw stopping()
      if (performance.now() > until) {
        if (patience !== undefined) return this.body(found, base)
        throw new ContractError('compute_unavailable', tooLong().message)
      }
      await wait(LOOK_MS)
    }
  }

  /** Everything after `Last-Event-ID`, as it happens, to exactly one `done` or `error`. */
  async streamed(
    run: Named,
    request: FastifyRequest,
    reply: FastifyReply,
    { base, revoked }: StreamOptions,
  ): Promise<FastifyReply> {
    const events = eventStream(reply)
    const lastEventId = request.headers['last-event-id']
    const cursor = new FeedCursor(typeof lastEventId === 'string' ? lastEventId : undefined)
    const gone = new AbortController()
    reply.raw.once('close', () => gone.abort())
    try {
      const follower = { cursor, events, gone: AbortSignal.any([gone.signal, revoked]), reply }
      const end = await this.#follow(run, follower)
      // The run goes on: who has the project's new key can fetch its result.
      if (!end && revoked.aborted) throw invalidApiKey()
      if (end) events.send({ event: 'done', data: doneData(await this.body(end, base), request.id) })
    } catch (error) {
      if (!events.begun) throw error
      const { code, message } = error instanceof ContractError ? error : failed()
      events.send({ event: 'error', data: { code, message } })
    } finally {
      events.end()
    }
    return reply
  }

  /** Undefined when the client went away: the run goes on. */
  async #follow(run: Named, to: Follower): Promise<ReadRun | undefined> {
    for (;;) {
      const live = this.#runner.live(run.runId)
      if (live) {
        const end = await watch(live, to)
        if (!end) return undefined
        if (end.status === 'failed') throw end.error
        if (end.status === 'completed' || end.status === 'waiting') return readOf(live)
      }
      const found = await this.read(run)
      if (!found) throw notThere()
      for (const frame of to.cursor.take(new RunFeed().apply(found.events))) to.events.send(frame)
      if (found.state.status === 'failed') throw failureOf(found)
      if (found.state.status !== 'running') return found
      if (this.#runner.handedOver) throw stopping()
      await wait(LOOK_MS, undefined, { signal: to.gone }).catch(() => {})
      if (to.gone.aborted) return undefined
    }
  }
}

type Follower = {
  cursor: FeedCursor
  events: ReturnType<typeof eventStream>
  gone: AbortSignal
  reply: FastifyReply
}

/** Hands over what a run of this node does, as fast as the client reads. */
async function watch(live: LiveRun, { cursor, events, gone, reply }: Follower) {
  live.watched = true
  const send = () => {
    if (events.begun && events.full) return
    for (const frame of cursor.take(live.feed)) events.send(frame)
  }
  const stop = live.feed.subscribe(send)
  reply.raw.on('drain', send)
  const left = Promise.withResolvers<undefined>()
  const leave = () => left.resolve(undefined)
  gone.addEventListener('abort', leave)
  if (gone.aborted) leave()
  try {
    send()
    const end = await Promise.race([live.ended.promise, left.promise])
    if (end) for (const frame of cursor.take(live.feed)) events.send(frame)
    return end
  } finally {
    stop()
    reply.raw.off('drain', send)
    gone.removeEventListener('abort', leave)
  }
}

/** Undefined when that takes longer than `ms`. */
async function ended(live: LiveRun, ms: number) {
  const limit = Promise.withResolvers<undefined>()
  const timer = setTimeout(limit.resolve, ms, undefined).unref()
  try {
    return await Promise.race([live.ended.promise, limit.promise])
  } finally {
    clearTimeout(timer)
  }
}

function readOf({ runId, projectId, events }: LiveRun): ReadRun {
  const run = readRun(runId, projectId, events)
  if (!run) throw new RangeError('a run begins with RunStarted')
  return run
}

const failed = () => new ContractError('compute_error', 'Something went wrong on the server.')
const stopping = () =>
  new ContractError(
    'compute_unavailable',
    'This server stops. The run goes on on another one: fetch its result with GET /v1/agent/{id}.',
  )
export const notThere = () =>
  new ContractError('context_expired', 'There is no such run, or it belongs to another project.')

/** What a failed run failed with, as it was told when it failed. */
function failureOf({ state: { error, message } }: ReadRun): ContractError {
  const known = error !== null && error in contractErrors
  return new ContractError(known ? (error as ContractCode) : 'compute_error', message)
}
