import { nameOf } from './check-event.ts'
import type { Event, Head } from './format.ts'
import { FOREIGN_FORMAT, unbase64 } from './format.ts'
import type { EventName } from './refused.ts'
import { BundleRefused } from './refused.ts'

/** An event that is in a stream of another project than the one that it was recorded under. */
export type ForeignName = EventName & { projectId: string }
/** How many there are, and the first of them. */
export type ForeignNames = { count: number; first: ForeignName[] }

const NAMED = 20

type At = { line: number }
/** `elsewhere`: the stream began under another project than the one that the bundle is about; then `begin` is its first event. */
type Open = { name: Buffer; seq: number; chain: Buffer; elsewhere: boolean; begin: Event; at: At; length: number }

/**
 * The streams of a bundle, event by event. In a stream of the project no event is missing. Of another project's stream there are the first event,
 * which says whose it is, and those that were recorded under the project.
 */
export class BundleStreams {
  readonly #head: Head
  #open: Open | undefined
  streams = 0
  /** Streams of the project whose beginning lies before the bundle. */
  partial = 0
  /** Recorded under another project in a stream of this one, with that project. */
  readonly foreign: ForeignNames = { count: 0, first: [] }
  /** Recorded under this project in a stream of another one, with the project of the stream. */
  readonly elsewhere: ForeignNames = { count: 0, first: [] }

  constructor(head: Head) {
    this.#head = head
  }

  /** Refuses an event that may not come next. Call `linked` with its chain when everything else of it was checked. */
  next(record: Event, at: At): void {
    const { index, header, previous, disclosed } = record.event
    const wrong = (problem: string) => new BundleRefused('EVENT_WRONG', problem, { ...at, event: nameOf(record) })
    const head = this.#head
    const isOther = header.project_id !== head.project_id
    if (header.account_id !== head.account_id || (isOther && head.format !== FOREIGN_FORMAT))
      throw wrong('it belongs to another project')
    if (isOther && disclosed) throw wrong('it belongs to another project, and is disclosed')
    const name = Buffer.from(header.stream, 'utf8')
    const order = this.#open ? Buffer.compare(this.#open.name, name) : -1
    if (order > 0) throw wrong('it is not in order: its stream comes too late')
    const begins = order !== 0
    const elsewhere = begins ? isOther && header.seq === 1 : this.#open!.elsewhere
    // The event that says whose a stream is can be older than what the bundle is about.
    if (index >= head.to || (index < head.from && !(begins && elsewhere)))
      throw wrong('it lies outside of what the bundle says it has')
    if (begins) this.#begin({ name, elsewhere, record, at }, wrong)
    else this.#follow(record, unbase64(previous), wrong)
    if (elsewhere && !begins) count(this.elsewhere, record, this.#open!.begin.event.header.project_id)
    else if (isOther && !elsewhere) count(this.foreign, record, header.project_id)
  }

  linked({ event: { header } }: Event, chain: Buffer): void {
    Object.assign(this.#open!, { seq: header.seq, chain })
  }

  /** After the last event. */
  end(): void {
    const { elsewhere, length, begin, at } = this.#open ?? {}
    if (elsewhere && length === 1)
      throw new BundleRefused('EVENT_WRONG', 'it belongs to another project, and no event of this one follows it', {
        ...at,
        event: nameOf(begin!),
      })
  }

  #begin(
    { name, elsewhere, record, at }: { name: Buffer; elsewhere: boolean; record: Event; at: At },
    wrong: (problem: string) => BundleRefused,
  ): void {
    this.end()
    const { seq } = record.event.header
    this.streams += 1
    this.#open = { name, seq, chain: Buffer.alloc(0), elsewhere, begin: record, at, length: 1 }
    if (seq === 1) return
    if (this.#head.from === 0 && this.#head.run_id === null)
      throw wrong('the events before it in its stream are missing')
    this.partial += 1
  }

  #follow({ event: { header } }: Event, previous: Buffer, wrong: (problem: string) => BundleRefused): void {
    const open = this.#open!
    const { seq, project_id } = header
    open.length += 1
    if (seq === open.seq) throw wrong('it stands here twice')
    if (open.elsewhere && project_id !== this.#head.project_id) throw wrong('it belongs to another project')
    const mayHaveGap = open.elsewhere && seq > open.seq
    if (seq !== open.seq + 1 && !mayHaveGap)
      throw wrong(`event ${open.seq + 1} of its stream is missing or in the wrong place`)
    if (seq === open.seq + 1 && !open.chain.equals(previous)) throw wrong('it does not follow from the event before it')
  }
}

function count(names: ForeignNames, record: Event, projectId: string): void {
  names.count += 1
  if (names.first.length < NAMED) names.first.push({ ...nameOf(record), projectId })
}
