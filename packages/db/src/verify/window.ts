import type { Place } from './place.ts'
import type { StoredEvent } from '../stored-event.ts'

/** So many events may lie between where one is stored and where the log names it. */
const LIMIT = 20_000
/** A power of two. */
const SLOTS = 2 ** 15

/** Events that were read and that no place named yet. */
export class EventWindow {
  readonly #source: AsyncGenerator<StoredEvent[]>
  readonly #limit: number
  /** By their key: of those that share a slot each names the next. */
  readonly #slots: (StoredEvent | undefined)[] = Array.from({ length: SLOTS })
  #size = 0

  constructor(source: AsyncGenerator<StoredEvent[]>, limit = LIMIT) {
    this.#source = source
    this.#limit = limit
  }

  /** The event at a place, which is given out once; undefined when it was not read yet. */
  take(place: Place): StoredEvent | undefined {
    const slot = place.key & (SLOTS - 1)
    let before: StoredEvent | undefined
    for (let event = this.#slots[slot]; event; event = event.next) {
      if (event.key === place.key && place.names(event)) {
        if (before) before.next = event.next
        else this.#slots[slot] = event.next
        this.#size -= 1
        return event
      }
      before = event
    }
    return undefined
  }

  /** Reads on until the event is there. Undefined when there is none, or when it lies too far from where it belongs. */
  async find(place: Place): Promise<StoredEvent | undefined> {
    while (this.#size < this.#limit) {
      if (!(await this.#more())) return undefined
      const event = this.take(place)
      if (event) return event
    }
    return undefined
  }

  /** Whether each event that there is was given out. */
  async isEmpty(): Promise<boolean> {
    if (this.#size === 0) await this.#more()
    return this.#size === 0
  }

  async close(): Promise<void> {
    await this.#source.return(undefined)
  }

  async #more(): Promise<boolean> {
    const { done, value } = await this.#source.next()
    if (done) return false
    for (const event of value) {
      const slot = event.key & (SLOTS - 1)
      event.next = this.#slots[slot]
      this.#slots[slot] = event
    }
    this.#size += value.length
    return true
  }
}
