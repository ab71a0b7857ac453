import { isDeepStrictEqual } from 'node:util'
import type { Tx } from '../connect.ts'
import { copyChunks } from '../copy-binary.ts'
import { ChainEnds } from '../chain-ends.ts'
import { EntryOpener } from '../log-opener.ts'
import { SignedHeads } from './checkpoints.ts'
import { isSound } from './events.ts'
import { Findings } from './findings.ts'
import { leafOf } from './leaf.ts'
import type { Place } from './place.ts'
import { loggedPlaces, waitingPlaces } from './place.ts'
import { StoredEvent, storedColumns } from '../stored-event.ts'
import { ComputedTree } from './tree.ts'
import { storedNodes } from './tree-nodes.ts'
import type { Run, Verified, VerifyDeps } from './verify.ts'
import { EventWindow } from './window.ts'

export type Sound = Pick<Verified, 'checkpoint' | 'waiting' | 'opened'>

/** Something is not what it must be. What it is, and where, is for the closer look. */
class Unsound extends Error {
  override readonly name = 'Unsound'
}

/** What is asked for in no order comes as it lies in its table. */
const AS_IT_LIES = 'set local synchronize_seqscans = off; set local max_parallel_workers_per_gather = 0'

/**
 * Whether nothing at all is wrong with events, log, tree and checkpoints: as strict as the closer look, and several times as fast, as each table
 * is read once, in the order in which it lies, and nothing is said about what is wrong. Undefined: something is, or events lie in another
 * order than that of the log.
 */
export async function quickLook(all: Run, deps: VerifyDeps): Promise<Sound | undefined> {
  const [shared] = await all.tx<{ id: string }[]>`select pg_export_snapshot() as id`
  await all.tx.unsafe(AS_IT_LIES)
  const beside = <T>(read: (tx: Tx) => Promise<T>) =>
    deps.sql.begin('isolation level repeatable read read only', async (tx) => {
      await tx.unsafe(
        `set transaction snapshot '${shared!.id}'; set local statement_timeout = 0; set local enable_seqscan = on; ${AS_IT_LIES}`,
      )
      return read(tx)
    })
  try {
    return await beside((events) => beside((log) => new QuickLook(all, deps).run(events, log)))
  } catch (error) {
    if (error instanceof Unsound) return undefined
    throw error
  }
}

class QuickLook {
  readonly #all: Run
  readonly #findings = new Findings()
  readonly #tree = new ComputedTree()
  readonly #chains: ChainEnds
  readonly #signed: SignedHeads
  readonly #opener: EntryOpener
  #isShredded: (event: StoredEvent) => boolean = () => false
  #nextSigned: number | undefined
  #events = 0
  #opened = 0

  constructor(all: Run, deps: VerifyDeps) {
    this.#all = all
    this.#chains = new ChainEnds(deps.sql)
    this.#signed = new SignedHeads(deps, all.sizes, this.#findings)
    this.#opener = new EntryOpener(all.dataKeys)
  }

  async run(events: Tx, log: Tx): Promise<Sound> {
    const { tx, sizes, saw } = this.#all
    const shredded = await tx<{ name: string }[]>`select account_id || ' ' || project_id as name from shredded_projects`
    const names = new Set(shredded.map(({ name }) => name))
    this.#isShredded = ({ stream: { accountId }, projectId }) => names.has(`${accountId} ${projectId}`)
    const nodes = storedNodes(tx, sizes.hashed, saw)
    // It is read to its end whatever the others say: `tx` is needed afterwards.
    const [waiting] = await Promise.allSettled([this.#follow(events, log), nodes])
    if (waiting.status === 'rejected') throw waiting.reason
    expectThat(isDeepStrictEqual(await nodes, this.#tree.digests()))
    // Each stream has all events up to its last: so none lies beyond a head when there are no more than the heads count.
    const [heads] = await tx<{ events: number }[]>`select coalesce(sum(seq), 0)::bigint as events from heads`
    expectThat(heads!.events === this.#events)
    this.#signed.end(this.#tree.size, sizes.signed)
    expectThat(this.#findings.count === 0)
    return { checkpoint: this.#signed.newest, waiting: waiting.value, opened: this.#opened }
  }

  /** Everything that has a place in the log or waits for one, and nothing else. Returns how many wait. */
  async #follow(events: Tx, log: Tx): Promise<number> {
    const { sizes, saw } = this.#all
    const window = new EventWindow(storedEvents(events))
    try {
      for await (const places of loggedPlaces(log)) {
        await this.#check(window, places)
        saw(places.length)
      }
      const logged = this.#events
      expectThat(logged === sizes.size && sizes.hashed <= sizes.size)
      for await (const places of waitingPlaces(log)) await this.#check(window, places)
      expectThat(await window.isEmpty())
      return this.#events - logged
    } finally {
      await window.close()
    }
  }

  /** Waits as seldom as it can: there are millions of rows. */
  async #check(window: EventWindow, places: readonly Place[]): Promise<void> {
    const { sizes, open } = this.#all
    this.#nextSigned ??= await this.#signed.next()
    this.#opener.forgetKeys()
    for (const [i, place] of places.entries()) {
      const event = window.take(place) ?? (await window.find(place))
      expectThat(event !== undefined)
      const stream = place.streamName
      const previous = this.#chains.before(stream, place) ?? (await this.#chains.find(places, i))
      const chain = event.following(previous)
      expectThat(chain !== undefined && place.agrees(event))
      this.#chains.set(stream, place.seq, chain)
      if (place.index !== undefined) {
        expectThat(place.index === this.#events)
        if (place.index < sizes.hashed) this.#tree.add(leafOf(event))
        this.#signed.saw(event.ms!)
        if (this.#tree.size >= this.#nextSigned) {
          await this.#signed.compare(this.#tree, event.ms!)
          this.#nextSigned = await this.#signed.next()
        }
      }
      this.#events += 1
      if (open(place.index ?? Number.POSITIVE_INFINITY)) await this.#open(event, place.index ?? -1)
    }
  }

  async #open(event: StoredEvent, index: number): Promise<void> {
    this.#opened += 1
    const entry = { event, index, shredded: this.#isShredded(event) }
    const { unreadable } = this.#opener.open(entry) ?? (await this.#opener.openSlowly(entry))
    if (isSound(unreadable)) return
    this.#all.suspects.add(index)
    throw new Unsound()
  }
}

/** As they lie in their table, which is about the order of the log: what was appended first lies first. */
const storedEvents = (tx: Tx) =>
  copyChunks(tx, `select ${storedColumns} from events e`, (bytes, at, from) => new StoredEvent(bytes, at, from))

function expectThat(holds: boolean): asserts holds {
  if (!holds) throw new Unsound()
}
