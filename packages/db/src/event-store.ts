import { apiKeysStream } from '@stewrd/core/api-keys/api-keys.ts'
import type { AnyEvent } from '@stewrd/core/catalog.ts'
import { canonicalJson } from '@stewrd/core/kernel/canonical-json.ts'
import type { Decider, Head } from '@stewrd/core/kernel/decider.ts'
import { Refusal } from '@stewrd/core/kernel/errors.ts'
import type { EventShape, Recorded } from '@stewrd/core/kernel/event.ts'
import type { CommandMeta, Execute, Outcome, StreamId } from '@stewrd/core/kernel/execute.ts'
import { commandMac } from '@stewrd/crypto/mac.ts'
import { machineTime } from './clock.ts'
import type { Sql } from './connect.ts'
import type { DataKeys } from './data-keys.ts'
import { runWithin } from './db-error.ts'
import { scoped, scopeOf, wholeAccount } from './scope.ts'
import { Appender } from './store/appender.ts'
import { commandName } from './store/find-command.ts'
import type { AnyOutcome, Job } from './store/job.ts'
import type { AnyDecider } from './store/stream-state.ts'
import { loadStreams, readStream } from './store/stream-state.ts'

export type EventStoreOptions = {
  sql: Sql
  dataKeys: DataKeys
  /** Unix milliseconds; a deployment gives the database's. */
  now?: () => number
  /** Called after a statement wrote something: the moment to poke the sequencer. */
  onAppended?: () => void
}

export const createEventStore = (options: EventStoreOptions) => new EventStore(options)

/** A stream that moves on so often between a look and an append is given up. */
const MOST_MOVES = 100

/** Appends what deciders decide, exactly once, and reads streams back. */
export class EventStore {
  readonly #sql: Sql
  readonly #dataKeys: DataKeys
  readonly #appender: Appender
  readonly #running = new Map<string, Promise<unknown>>()

  constructor({ sql, dataKeys, now = machineTime, onAppended = () => {} }: EventStoreOptions) {
    this.#sql = sql
    this.#dataKeys = dataKeys
    this.#appender = new Appender({ sql, dataKeys, now, onAppended })
  }

  /**
   * See `Execute`. A stream that this process does not know yet is read first, except when `expectedRevision` is 0: then the
   * command is sent at once, in one round trip.
   */
  readonly execute: Execute = async <State, Command, Event extends EventShape>(
    decider: Decider<State, Command, Event>,
    stream: StreamId,
    command: Command,
    meta: CommandMeta,
  ) => {
    checkText(stream, meta)
    requireKeyGuard(stream, meta)
    const key = await this.#dataKeys.deploymentKey('command')
    const same = { stream: stream.stream, command: decider.identity?.(command) ?? command }
    const mac = commandMac(key, canonicalJson(same))
    const carryOut = async (pinned: CommandMeta) =>
      (await this.#once({ id: stream, decider, command, meta: pinned, mac })) as Outcome<State, Event>
    return this.#movingOn(decider, stream, command, meta, carryOut)
  }

  /** Carries a command out, again at a later revision while the stream moves on by events that are no conflicts with it. */
  async #movingOn<State, Command, Event extends EventShape>(
    { conflictsWith }: Decider<State, Command, Event>,
    stream: StreamId,
    command: Command,
    meta: CommandMeta,
    carryOut: (meta: CommandMeta) => Promise<Outcome<State, Event>>,
  ): Promise<Outcome<State, Event>> {
    let expectedRevision = meta.expectedRevision
    for (let tries = 1; ; tries++) {
      try {
        return await carryOut(expectedRevision === undefined ? meta : { ...meta, expectedRevision })
      } catch (error) {
        if (!isMoved(error) || expectedRevision === undefined || !conflictsWith) throw error
        const conflicts = (event: AnyEvent) => conflictsWith(command, event as unknown as Event)
        const seen = await this.revisionWithoutConflict(stream, expectedRevision, conflicts)
        // Told by what the author was looking at.
        if (seen === undefined || tries === MOST_MOVES)
          throw new Refusal('REVISION_MOVED', { ...error.details, expected: meta.expectedRevision! })
        // Pinned to what was looked through just now, so that nothing comes between.
        expectedRevision = seen
      }
    }
  }

  /** The stream's revision, when it has moved on from `revision` by events that are no conflicts alone. */
  async revisionWithoutConflict(
    stream: StreamId,
    revision: number,
    conflicts: (event: AnyEvent) => boolean,
  ): Promise<number | undefined> {
    const since = await this.read(stream, { after: revision })
    const isStale = since.length === 0 || since.some(({ event }) => conflicts(event))
    return isStale ? undefined : revision + since.length
  }

  /** The newest state of a stream. */
  async head<State, Command, Event extends EventShape>(
    decider: Decider<State, Command, Event>,
    stream: StreamId,
  ): Promise<Head<State>> {
    const [head] = await this.heads([[decider, stream]])
    return head as Head<State>
  }

  /** The newest states of several streams, in one round trip and of one moment. */
  async heads<const R extends readonly HeadRequest[]>(requests: R): Promise<Heads<R>> {
    const states = await loadStreams(
      this.#sql,
      this.#dataKeys,
      requests.map(([decider, stream]) => ({ decider: decider as AnyDecider, stream })),
    )
    return states.map(({ revision, state }) => ({ revision, state })) as Heads<R>
  }

  /** The events of a stream after revision `after`, in order; none of another project's stream. Throws if one of them cannot be read. */
  read(stream: StreamId, { after = 0 }: { after?: number } = {}): Promise<Recorded<AnyEvent>[]> {
    return readStream(this.#sql, this.#dataKeys, stream, { after })
  }

  /** Takes the states of all streams out of memory: they are read again as they are needed. */
  forget(): void {
    this.#appender.forget()
  }

  /** Where a command was carried out, in whichever project: its stream, and the revision after it. */
  async findCommand(accountId: string, commandId: string): Promise<{ stream: string; revision: number } | undefined> {
    const statement = this.#sql<{ stream: string; revision: number }[]>`
      select stream, seq as revision from events
      where account_id = ${accountId} and command_id = ${commandId} order by n desc limit 1`
    const [row] = await runWithin(scoped(statement, wholeAccount(accountId)))
    return row
  }

  /** Whether a command was carried out in this stream. */
  async isDone({ accountId, projectId, stream }: StreamId, commandId: string): Promise<boolean> {
    const statement = this.#sql`
      select from events
      where account_id = ${accountId} and command_id = ${commandId} and stream = ${stream} and project_id = ${projectId} limit 1`
    return (await runWithin(scoped(statement, scopeOf({ accountId, projectId })))).length > 0
  }

  /** What a hash leads to, such as an API key's to its project. */
  async lookup(hash: string): Promise<{ accountId: string; projectId: string } | undefined> {
    const [row] = await runWithin(this.#sql<{ accountId: string; projectId: string }[]>`
      select account_id as "accountId", project_id as "projectId" from lookups where hash = ${hash}`)
    return row
  }

  /** The same command id twice at the same moment: the second waits, and then finds what the first one did. */
  async #once(call: Pick<Job, 'id' | 'decider' | 'command' | 'meta' | 'mac'>): Promise<AnyOutcome> {
    const name = commandName(call.id.accountId, call.meta.commandId)
    let check = false
    for (let before = this.#running.get(name); before; before = this.#running.get(name)) {
      check = true
      await before.then(noop, noop)
    }
    const { promise, resolve, reject } = Promise.withResolvers<AnyOutcome>()
    this.#running.set(name, promise)
    const end = <T>(tell: (value: T) => void) => {
      return (value: T) => {
        this.#running.delete(name)
        tell(value)
      }
    }
    this.#appender.submit({
      ...call,
      settle: end(resolve),
      fail: end(reject),
      conflicts: 0,
      outages: 0,
      since: performance.now(),
      check,
      checked: false,
      verdict: undefined,
      sent: [],
    })
    return promise
  }
}

export type HeadRequest = readonly [decider: unknown, stream: StreamId]
export type Heads<R extends readonly HeadRequest[]> = {
  -readonly [I in keyof R]: R[I] extends readonly [Decider<infer State, never, never>, StreamId]
    ? Head<State>
    : Head<unknown>
}

const isMoved = (error: unknown): error is Refusal<'REVISION_MOVED'> =>
  error instanceof Refusal && error.code === 'REVISION_MOVED'

const noop = () => {}
const uuid = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/** Whoever acts by an API key acts only while it is valid: the statement that appends must demand that, on every node. */
function requireKeyGuard({ projectId }: StreamId, { actor, guards }: CommandMeta): void {
  if (!actor.startsWith('api-key:')) return
  if (!guards?.some(({ stream }) => stream === apiKeysStream(projectId)))
    throw new RangeError('an append by an API key needs a guard on the stream of its keys')
}

/** One bad text in a shared statement would hurt the others. */
function checkText({ accountId, projectId, stream }: StreamId, { commandId, actor }: CommandMeta): void {
  const refuse = (field: string, problem: string) => {
    throw new Refusal('INVALID_INPUT', { field, problem })
  }
  if (commandId.length < 1 || commandId.length > 200)
    refuse('commandId', 'The idempotency key must have 1 to 200 characters.')
  if (actor.length < 1 || actor.length > 300) refuse('actor', 'The actor must have 1 to 300 characters.')
  if ([stream, commandId, actor].some((text) => text.includes('\0')))
    refuse('commandId', 'It contains a zero character.')
  if (!isId(accountId) || !isId(projectId)) refuse('projectId', 'It is not an id.')
}

const MOST_IDS = 10_000
const ids = new Set<string>()

/** Most were seen before, and to look one up is sooner done than to match it. */
function isId(text: string): boolean {
  if (ids.has(text)) return true
  if (!uuid.test(text)) return false
  if (ids.size >= MOST_IDS) ids.clear()
  ids.add(text)
  return true
}
