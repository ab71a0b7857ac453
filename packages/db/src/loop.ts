export type LoopOptions = {
  /** Does a piece of work; true when there may be more, `behind` when there is. */
  step: () => Promise<boolean | 'behind'>
  /** Pauses between looks when nothing is to do: the first, doubling up to the last. */
  idleMs: { from: number; to: number }
  /** Pause after work, so that what arrives meanwhile is done together. None for what is behind. */
  gatherMs: number
  /** The pause grows to this while one piece of work follows the other. Absent: it stays as it is. */
  longestGatherMs?: number
  onError: (error: unknown) => void
}

const AFTER_ERROR_MS = 500
const GROWTH = 1.3

/** Repeats a step in the background, one at a time: at once when poked, and by itself when nobody pokes. */
export class Loop {
  readonly #options: LoopOptions
  #running: Promise<void> | undefined
  #stopping = false
  #poked = false
  #wake: (() => void) | undefined
  #tail: Promise<unknown> = Promise.resolve()

  constructor(options: LoopOptions) {
    this.#options = options
  }

  start(): void {
    this.#stopping = false
    this.#running ??= this.#run()
  }

  async stop(): Promise<void> {
    this.#stopping = true
    this.#wake?.()
    await this.#running
    this.#running = undefined
  }

  poke(): void {
    this.#poked = true
    this.#wake?.()
  }

  /** Runs `work` when no step is running. */
  exclusively<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#tail.then(work)
    this.#tail = turn.catch(() => {})
    return turn
  }

  async #run(): Promise<void> {
    const { idleMs, gatherMs, longestGatherMs = gatherMs } = this.#options
    let idle = idleMs.from
    let gather = gatherMs
    while (!this.#stopping) {
      this.#poked = false
      const more = await this.exclusively(this.#options.step).catch((error: unknown) => {
        this.#options.onError(error)
        return undefined
      })
      if (more === 'behind') idle = idleMs.from
      else if (more) {
        idle = idleMs.from
        await this.#sleep(gather, false)
        gather = Math.min(gather * GROWTH, longestGatherMs)
      } else if (!this.#poked || more === undefined) {
        await this.#sleep(more === undefined ? AFTER_ERROR_MS : idle, more !== undefined)
        idle = Math.min(idle * 2, idleMs.to)
        gather = gatherMs
      }
    }
  }

  /** `wakeable`: a poke ends it. Stopping always does. */
  #sleep(ms: number, wakeable: boolean): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        if (!wakeable && !this.#stopping) return
        finish()
      }
      const finish = () => {
        clearTimeout(timer)
        this.#wake = undefined
        resolve()
      }
      const timer = setTimeout(finish, ms)
      this.#wake = done
    })
  }
}
