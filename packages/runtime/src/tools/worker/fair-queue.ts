type Waiting = { start: () => void; drop: (reason: unknown) => void }

/** Work of many projects in a few places. No project has all places, and those that wait are served in turn, whatever each has asked for. */
export class FairQueue {
  readonly #places: number
  readonly #mostWaiting: number
  readonly #running = new Map<string, number>()
  /** In the order in which their turns come. */
  readonly #waiting = new Map<string, Waiting[]>()
  #taken = 0

  /** `places` are at least 2: of one alone there is no share to keep free. */
  constructor({ places, mostWaiting }: { places: number; mostWaiting: number }) {
    this.#places = Math.max(2, places)
    this.#mostWaiting = mostWaiting
  }

  /** Undefined when the project has as much waiting as it may. Work that is stopped before it began never begins. */
  run<T>(project: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> | undefined {
    if ((this.#waiting.get(project)?.length ?? 0) >= this.#mostWaiting) return undefined
    return this.#turn(project, signal).then(() => work().finally(() => this.#leave(project)))
  }

  #turn(project: string, signal: AbortSignal): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const one: Waiting = { start: resolve, drop: reject }
    const line = this.#waiting.get(project) ?? []
    line.push(one)
    this.#waiting.set(project, line)
    const stop = () => {
      const at = line.indexOf(one)
      if (at >= 0) line.splice(at, 1)
      one.drop(signal.reason)
    }
    if (signal.aborted) stop()
    else signal.addEventListener('abort', stop, { once: true })
    this.#serve()
    return promise.finally(() => signal.removeEventListener('abort', stop))
  }

  #serve(): void {
    for (const [project, line] of this.#waiting) {
      if (this.#taken >= this.#places) return
      const running = this.#running.get(project) ?? 0
      const next = running < this.#places - 1 ? line.shift() : undefined
      if (line.length === 0) this.#waiting.delete(project)
      if (!next) continue
      // Its next turn comes after that of all others.
      if (line.length > 0) {
        this.#waiting.delete(project)
        this.#waiting.set(project, line)
      }
      this.#running.set(project, running + 1)
      this.#taken++
      next.start()
    }
  }

  #leave(project: string): void {
    const left = this.#running.get(project)! - 1
    if (left > 0) this.#running.set(project, left)
    else this.#running.delete(project)
    this.#taken--
    this.#serve()
  }
}
