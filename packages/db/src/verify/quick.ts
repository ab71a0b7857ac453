import { isDeepStrictEqual } from 'node:util'
import type { Tx } from '../connect.ts'
import { copyChunks } from '../copy-binary.ts'
import { openEntry } from '../record.ts'
import { ChainEnds } from '../chain-ends.ts'
import { SignedHeads } from './checkpoints.ts'
import { isSound } from './events.ts'
import { Findings } from './findings.ts'
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

/**
 * Whether nothing at all is wrong with events, log, tree and checkpoints: as strict as the closer look, and several times as fast, as each table
 * is read once, in the order in which it lies, and nothing is said about what is wrong. Undefined: something is, or events lie in another
 * order than that of the log.
 */
export async function quickLook(all: Run, deps: VerifyDeps): Promise<Sound | undefined> {
  const [shared] = await all.tx<{ id: string }[]>`select pg_export_snapshot() as id`
  const beside = <T>(read: (tx: Tx) => Promise<T>) =>
    deps.sql.begin('isolation level repeatable read read only', async (tx) => {
      await tx.unsafe(`set transaction snapshot '${shared!.id}'; set local statement_timeout = 0;
        set local enable_seqscan = on; set local synchronize_seqscans = off; set local max_parallel_workers_per_gather = 0`)
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
  #isShredded: (event: StoredEvent) => boolean = () => false
  #nextSigned: number | undefined
  #events = 0
  #opened = 0

  constructor(all: Run, deps: VerifyDeps) {
    this.#all = all
    this.#chains = new ChainEnds(deps.sql)
    this.#signed = new SignedHeads(deps, all.sizes.hashed, this.#findings)
  }

  async run(events: Tx, log: Tx): Promise<Sound> {
    const { tx, sizes, saw } = this.#all
    const shredded = await tx<{ name: string }[]>`select account_id || ' ' || project_id as name from shredded_projects`
    const names = new Set(shredded.map(({ name }) => name))
    this.#isShredded = ({ stream: { accountId }, projectId }) => names.has(`${accountId} ${projectId}`)
    const waiting = await this.#follow(events, log)
    expectThat(isDeepStrictEqual(await storedNodes(tx, sizes.hashed, saw), this.#tree.digests()))
    // Each stream has all events up to its last: so none lies beyond a head when there are no more than the heads count.
    const [heads] = await tx<{ events: number }[]>`select coalesce(sum(seq), 0)::bigint as events from heads`
    expectThat(heads!.events === this.#events)
    this.#signed.end(this.#tree.size, sizes.signed)
    expectThat(this.#findings.count === 0)
    return { checkpoint: this.#signed.newest, waiting, opened: this.#opened }
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
    for (const [i, place] of places.entries()) {
      const event = window.take(place) ?? (await window.find(place))
      expectThat(event !== undefined)
      const stream = place.streamName
      const previous = this.#chains.before(stream, place) ?? (await this.#chains.find(places, i))
      expectThat(event.follows(previous) && place.agrees(event))
      const { chain } = event
      this.#chains.set(stream, place.seq, chain)
      if (place.index !== undefined) {
        expectThat(place.index === this.#events)
        if (place.index < sizes.hashed) this.#tree.add(place.leaf(chain))
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
    const { unreadable } = await openEntry(this.#all.dataKeys, event.row(index, this.#isShredded(event)))
    if (isSound(unreadable)) return
    this.#all.suspects.add(index)
    throw new Unsound()
  }
}

/** As they lie in their table, which is about the order of the log: what was appended first lies first. */
const storedEvents = (tx: Tx) =>
  copyChunks(tx, `select ${storedColumns} from events e`, (bytes, at) => new StoredEvent(bytes, at))

function expectThat(holds: boolean): asserts holds {
  if (!holds) throw new Unsound()
}
