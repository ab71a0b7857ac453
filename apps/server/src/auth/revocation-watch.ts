/** Looks come this often while something is watched, and no more often however many hints come. */
const LOOK_MS = 400
const LEAST_MS = 50

/** Something that is open. `ended` aborts once the key it is open under is revoked. */
export type Watched = { ended: AbortSignal; close(): void }

type Options = {
  /** Those of the given keys that are valid now. */
  valid(keys: Iterable<string>): Promise<readonly { key: string }[]>
  /** Calls `poke` when a look is worth it. Asked for once, when the first thing is watched. */
  listen(poke: () => void): Promise<void>
  onError(error: unknown): void
}

/** Ends what is open under a key within a second of its end, with one look for all that is open on this node. */
export class RevocationWatch {
  readonly #options: Options
  readonly #open = new Map<string, Set<AbortController>>()
  #timer: NodeJS.Timeout | undefined
  #listening = false
  #looking = false
  #poked = false

  constructor(options: Options) {
    this.#options = options
  }

  watch(key: string): Watched {
    const end = new AbortController()
    const others = this.#open.get(key) ?? new Set()
    this.#open.set(key, others.add(end))
    if (!this.#listening) {
      this.#listening = true
      void this.#options.listen(() => this.poke())
    }
    this.#plan(LOOK_MS)
    return {
      ended: end.signal,
      close: () => {
        others.delete(end)
        if (others.size === 0 && this.#open.get(key) === others) this.#open.delete(key)
      },
    }
  }

  /** Something may have been revoked. */
  poke(): void {
    if (this.#open.size === 0) return
    if (this.#looking) this.#poked = true
    else this.#plan(LEAST_MS, { sooner: true })
  }

  stop(): void {
    clearTimeout(this.#timer)
    this.#open.clear()
  }

  #plan(ms: number, { sooner = false } = {}): void {
    if (this.#timer && !sooner) return
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => void this.#look(), ms)
    this.#timer.unref()
  }

  async #look(): Promise<void> {
    this.#looking = true
    // What is opened during the look is for the next one.
    const looked = [...this.#open]
    try {
      const valid = new Set((await this.#options.valid(looked.map(([key]) => key))).map(({ key }) => key))
      for (const [key, ends] of looked) if (!valid.has(key)) for (const end of ends) end.abort()
    } catch (error) {
      this.#options.onError(error)
    }
    this.#looking = false
    this.#timer = undefined
    if (this.#open.size > 0) this.#plan(this.#poked ? LEAST_MS : LOOK_MS)
    this.#poked = false
  }
}

/** What `source` gives, until `ended` aborts: then `why` is thrown, however long the source is silent. */
export async function* until<T>(
  source: AsyncIterable<T>,
  ended: AbortSignal,
  why: () => Error,
): AsyncGenerator<T, void> {
  const iterator = source[Symbol.asyncIterator]()
  let interrupt = () => {}
  const onEnded = () => interrupt()
  ended.addEventListener('abort', onEnded)
  try {
    for (;;) {
      const { promise, resolve, reject } = Promise.withResolvers<IteratorResult<T>>()
      interrupt = () => reject(why())
      if (ended.aborted) interrupt()
      else iterator.next().then(resolve, reject)
      const next = await promise
      if (next.done) return
      yield next.value
    }
  } finally {
    ended.removeEventListener('abort', onEnded)
    // One that waits ends when it has waited.
    void iterator.return?.().then(undefined, () => {})
  }
}
