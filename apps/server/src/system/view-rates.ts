import type { ViewStatus, Views } from '@stewrd/db/views.ts'
import type { Logger } from 'pino'
import { errorFields } from '../kernel/log.ts'

const EVERY_MS = 5_000
const WINDOW_MS = 60_000

type Sample = { at: number; checkpoints: ReadonlyMap<string, number> }

/** How fast the read models follow the log, on whichever node that is done: looked at every five seconds, over the last minute. */
export class ViewRates {
  readonly #views: Views
  readonly #log: Logger
  readonly #samples: Sample[] = []
  #timer: NodeJS.Timeout | undefined

  constructor(views: Views, log: Logger) {
    this.#views = views
    this.#log = log
  }

  start(): void {
    this.#timer = setInterval(() => void this.#look(), EVERY_MS)
    this.#timer.unref()
  }

  stop(): void {
    clearInterval(this.#timer)
  }

  /** Keeps where the views stand at `at` (unix milliseconds), and forgets what is older than a minute. */
  note(status: readonly ViewStatus[], at: number): void {
    this.#samples.push({ at, checkpoints: new Map(status.map(({ view, checkpoint }) => [view, checkpoint])) })
    while (this.#samples.length > 2 && this.#samples[0]!.at < at - WINDOW_MS) this.#samples.shift()
  }

  /** Events of the log that a view goes through in a second; null until it was seen twice. A rebuild that was switched to counts from then on. */
  of(view: string): number | null {
    const last = this.#samples.at(-1)
    const upTo = last?.checkpoints.get(view)
    const first = this.#samples.find(({ checkpoints }) => (checkpoints.get(view) ?? Infinity) <= (upTo ?? -1))
    const since = first?.checkpoints.get(view)
    if (!last || !first || upTo === undefined || since === undefined || last.at <= first.at) return null
    return ((upTo - since) * 1000) / (last.at - first.at)
  }

  async #look(): Promise<void> {
    try {
      this.note(await this.#views.status(), performance.now())
    } catch (error) {
      this.#log.debug({ err: errorFields(error), part: 'view rates' }, 'the views could not be looked at')
    }
  }
}
