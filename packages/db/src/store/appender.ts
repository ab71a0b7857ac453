import { Refusal } from '@stewrd/core/kernel/errors.ts'
import type { Meters } from '@stewrd/core/kernel/execute.ts'
import { GuardMoved, StoreUnavailable } from '@stewrd/core/kernel/execute.ts'
import { LRUCache } from 'lru-cache'
import type { Sql } from '../connect.ts'
import type { DataKeys } from '../data-keys.ts'
import { DbError } from '../db-error.ts'
import type { Appended, Failure } from './append.ts'
import { append } from './append.ts'
import { commandName, findCommands, firstOutcome } from './find-command.ts'
import { turnAwayForeign } from './foreign.ts'
import type { Job } from './job.ts'
import { isOver } from './job.ts'
import type { Accepted } from './judge.ts'
import { judgeAll } from './judge.ts'
import type { Lane } from './lane.ts'
import { mustBeChecked, nextBatch, recheck, takeJobs } from './lane.ts'
import { placeHeads } from './place-heads.ts'
import { TYPE_MISMATCH } from './row-types.ts'
import type { Sealed } from './seal.ts'
import { sealUnit } from './seal.ts'
import type { StreamState } from './stream-state.ts'
import { emptyStream, loadStreams } from './stream-state.ts'
import type { TollFailure } from './tolls.ts'
import { placeTolls } from './tolls.ts'

/** Statements in flight at once. Few, so that commands that wait meanwhile share the next one and readers find a connection; with fewer the disk waits for us. */
const IN_FLIGHT = 6
const MAX_LOADS = 200
const MAX_CONFLICTS = 8
const REMEMBERED_STREAMS = 5000

type Attempt = { lane: Lane; accepted: Accepted[]; sealed: Sealed }

type Deps = { sql: Sql; dataKeys: DataKeys; now: () => number; onAppended: () => void }

/**
 * Group commit: commands that wait at the same moment are appended by one statement. Heads are remembered; the swap in the
 * database says whether what was remembered is still true, so a stale memory costs a round trip and never a wrong event.
 */
export class Appender {
  readonly #deps: Deps
  readonly #lanes = new Map<string, Lane>()
  readonly #heads = new LRUCache<string, StreamState>({ max: REMEMBERED_STREAMS })
  #cold: Lane[] = []
  #ready: Lane[] = []
  /** Statements that are prepared or written, and the streams in them. */
  #flying = 0
  #lanesFlying = 0
  #loading = false
  #scheduled = false

  constructor(deps: Deps) {
    this.#deps = deps
  }

  /** What is remembered of every stream. */
  forget(): void {
    this.#heads.clear()
  }

  submit(job: Job): void {
    const name = `${job.id.accountId}/${job.id.stream}/${job.id.projectId}`
    let lane = this.#lanes.get(name)
    if (!lane) {
      lane = { name, jobs: [], stage: 'resting', solo: false, pauseMs: 0 }
      this.#lanes.set(name, lane)
    }
    lane.jobs.push(job)
    if (lane.stage === 'resting') this.#route(lane)
  }

  /** Decides what a stream's next command needs: its head from the database, or a place in a statement. */
  #route(lane: Lane): void {
    const [first] = lane.jobs
    if (!first) {
      this.#lanes.delete(lane.name)
      return
    }
    // A command for a new stream is sent at once on the word of its caller; the swap finds out if that is wrong.
    const known = this.#heads.has(lane.name) || first.meta.expectedRevision === 0
    if (known && !mustBeChecked(first)) {
      lane.stage = 'ready'
      this.#ready.push(lane)
    } else {
      lane.stage = 'cold'
      this.#cold.push(lane)
    }
    this.#schedule()
  }

  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    // After this turn of the loop's microtasks: calls that were made together travel together.
    queueMicrotask(() => {
      this.#scheduled = false
      this.#pump()
    })
  }

  #pump(): void {
    if (this.#cold.length > 0 && !this.#loading) void this.#load(this.#cold.splice(0, MAX_LOADS))
    while (this.#ready.length > 0 && this.#flying < IN_FLIGHT) void this.#fly(this.#takeBatch())
  }

  #takeBatch(): Lane[] {
    const { batch, rest } = nextBatch(this.#ready, this.#lanesFlying)
    this.#ready = rest
    return batch
  }

  async #fly(lanes: readonly Lane[]): Promise<void> {
    this.#flying += 1
    this.#lanesFlying += lanes.length
    for (const lane of lanes) lane.stage = 'flying'
    const attempts = (await Promise.all(lanes.map((lane) => this.#prepare(lane)))).filter((a) => a !== undefined)
    if (attempts.length > 0) await this.#append(attempts)
    this.#flying -= 1
    this.#lanesFlying -= lanes.length
    for (const lane of lanes) this.#next(lane)
    this.#schedule()
  }

  #next(lane: Lane): void {
    if (lane.pauseMs === 0) return this.#route(lane)
    lane.stage = 'paused'
    setTimeout(() => this.#route(lane), lane.pauseMs)
    lane.pauseMs = 0
  }

  /** Judges and seals what one stream has waiting. Undefined when there is nothing to write. */
  async #prepare(lane: Lane): Promise<Attempt | undefined> {
    const jobs = takeJobs(lane)
    const { id, decider } = jobs[0]!
    const from = this.#heads.get(lane.name) ?? emptyStream(decider)
    const { accepted, idle } = judgeAll(jobs, from)
    const again: Job[] = []
    for (const { job, refusal, head } of idle) {
      // Judged by what was remembered, it may be a repetition, or the memory may be old: look before answering.
      if (!job.checked) again.push(recheck(job))
      else if (refusal) job.fail(refusal)
      else job.settle({ revision: head.revision, state: head.state, events: [], repeated: false })
    }
    lane.jobs.unshift(...again)
    if (accepted.length === 0) return undefined
    try {
      const sealed = await sealUnit(this.#deps.dataKeys, id, decider, from, accepted, this.#deps.now())
      return { lane, accepted, sealed }
    } catch (error) {
      this.#broken([{ lane, accepted }], error)
      return undefined
    }
  }

  async #append(attempts: readonly Attempt[]): Promise<void> {
    let appended: Appended
    try {
      appended = await append(
        this.#deps.sql,
        attempts.map((a) => a.sealed.unit),
      )
    } catch (error) {
      for (const { accepted, sealed } of attempts)
        accepted.forEach(({ job }, i) => job.sent.push(sealed.recorded[i]![0]!.eventId))
      this.#broken(attempts, error)
      return
    }
    const { failures, meters } = appended
    for (const [i, attempt] of attempts.entries()) {
      const failure = failures.get(i)
      if (!failure) this.#won(attempt, meters.get(i))
      else if (failure.kind === 'toll') await this.#turnedAway(attempt, failure)
      else if (failure.kind === 'head') this.#retry(attempt, 'conflicts')
      else await this.#guardFailed(attempt, failure)
    }
    if (failures.size < attempts.length) this.#deps.onAppended()
  }

  #won({ lane, accepted, sealed }: Attempt, meters: Meters | undefined): void {
    this.#heads.set(lane.name, sealed.after)
    lane.solo = false
    for (const [i, { job, head }] of accepted.entries())
      job.settle({ ...head, events: sealed.recorded[i]!, repeated: false, ...(meters && { meters }) })
  }

  /** It is looked up before it is told so: what cannot be paid for now may have been paid for and written. */
  async #turnedAway(attempt: Attempt, { refusal, missing }: TollFailure): Promise<void> {
    try {
      if (missing) await placeTolls(this.#deps.sql, attempt.sealed.unit)
    } catch (error) {
      this.#broken([attempt], error)
      return
    }
    // Too much in its company, it may be possible alone.
    attempt.lane.solo = !refusal && !missing
    for (const { job } of attempt.accepted) job.verdict = refusal
    this.#retry(attempt, 'conflicts')
  }

  async #guardFailed(attempt: Attempt, { moved, missing }: Extract<Failure, { kind: 'guard' }>): Promise<void> {
    const { id } = attempt.accepted[0]!.job
    try {
      // Only a row can be locked: from now on the guarded stream has one.
      if (missing.length > 0) await placeHeads(this.#deps.sql, id, missing)
    } catch (error) {
      this.#broken([attempt], error)
      return
    }
    if (moved.length > 0) for (const { job } of attempt.accepted) job.verdict = new GuardMoved(moved)
    this.#retry(attempt, 'conflicts')
  }

  /** Puts commands back to be looked up and judged again, a limited number of times. */
  #retry({ lane, accepted }: Pick<Attempt, 'lane' | 'accepted'>, why: 'conflicts' | 'outages', error?: Error): void {
    this.#heads.delete(lane.name)
    const jobs = accepted.map(({ job }) => recheck(job))
    for (const job of jobs) {
      job[why] += 1
      if (job.conflicts > MAX_CONFLICTS) job.verdict ??= new Refusal('STREAM_BUSY', { stream: job.id.stream })
    }
    const over = jobs.filter((job) => job.outages > 0 && isOver(job))
    for (const job of over) job.fail(error ?? new StoreUnavailable('no answer in time'))
    lane.jobs.unshift(...jobs.filter((job) => !over.includes(job)))
  }

  /** A statement failed as a whole; none of its units was written, or, after an outage, nobody knows. */
  #broken(attempts: readonly Pick<Attempt, 'lane' | 'accepted'>[], error: unknown): void {
    for (const attempt of attempts) {
      const { lane, accepted } = attempt
      if (error instanceof StoreUnavailable) {
        lane.pauseMs = 50 * 4 ** accepted[0]!.job.outages
        this.#retry(attempt, 'outages', error)
      } else if (error instanceof DbError && lostRace.has(error.code)) this.#retry(attempt, 'conflicts')
      else if (attempts.length > 1 || accepted.length > 1) {
        lane.solo = true
        this.#retry(attempt, 'conflicts')
      } else for (const { job } of accepted) job.fail(error)
    }
  }

  /** Reads heads, and then looks for commands that may have been written: in this order, a command that is not found is not in that head. */
  async #load(lanes: readonly Lane[]): Promise<void> {
    this.#loading = true
    const jobs = lanes.map((lane) => lane.jobs.filter(mustBeChecked))
    try {
      const requests = lanes.map(({ jobs: [job] }) => ({ decider: job!.decider, stream: job!.id }))
      const states = await loadStreams(this.#deps.sql, this.#deps.dataKeys, requests)
      const found = await findCommands(
        this.#deps.sql,
        jobs.flat().map(({ id, meta }) => ({ accountId: id.accountId, commandId: meta.commandId })),
      )
      for (const [i, lane] of lanes.entries()) {
        const state = states[i]!
        if (state.foreign) {
          turnAwayForeign(lane.jobs.splice(0), state, found)
          continue
        }
        this.#heads.set(lane.name, state)
        for (const job of jobs[i]!)
          this.#checked(lane, job, found.get(commandName(job.id.accountId, job.meta.commandId)), state)
      }
    } catch (error) {
      this.#loadFailed(lanes, error)
    }
    this.#loading = false
    for (const lane of lanes) this.#next(lane)
    this.#schedule()
  }

  #checked(lane: Lane, job: Job, rows: Parameters<typeof firstOutcome>[2] | undefined, { state }: StreamState): void {
    job.checked = true
    if (!rows && !job.verdict) return
    lane.jobs.splice(lane.jobs.indexOf(job), 1)
    if (rows) firstOutcome(this.#deps.dataKeys, job, rows, state).then(job.settle, job.fail)
    else job.fail(job.verdict)
  }

  #loadFailed(lanes: readonly Lane[], error: unknown): void {
    for (const lane of lanes) {
      const jobs = lane.jobs.splice(0)
      if (!(error instanceof StoreUnavailable)) {
        // One stream that cannot be read must not stop the others.
        if (lanes.length > 1) void this.#load([Object.assign(lane, { jobs })])
        else for (const job of jobs) job.fail(error)
        continue
      }
      lane.pauseMs = 50 * 4 ** (jobs[0]?.outages ?? 0)
      for (const job of jobs) {
        job.outages += 1
        if (isOver(job)) job.fail(error)
        else lane.jobs.push(job)
      }
    }
  }
}

// A doubled command id, a deadlock, a serialisation failure, a head that is gone, a type that is another one now: nothing was written, and another attempt may succeed.
const lostRace = new Set(['23505', '40P01', '40001', '22012', TYPE_MISMATCH])
