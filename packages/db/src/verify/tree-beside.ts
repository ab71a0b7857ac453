import { Worker } from 'node:worker_threads'
import type { Digest } from '@stewrd/crypto/digest.ts'
import { leafDigest } from '@stewrd/crypto/merkle.ts'
import { ComputedTree } from './tree.ts'
import type { Asked, Given } from './tree-worker.ts'

/** From so many entries on a thread gains more time than it takes to start. */
const THREAD_FROM = 100_000
const HASH_BYTES = 32
const BATCH = 2048 * HASH_BYTES
/** Batches that may wait for the thread: it is not asked for more than it can do. */
const MOST_WAITING = 32

/** A tree of which nobody waits for the hashes until they are asked for. */
export type TreeBeside = {
  /** Entries so far. */
  readonly size: number
  /** An entry, by the hash of its data. */
  add(data: Digest): void
  /** Call it now and then between entries: it lets what was handed over be worked off. */
  room(): Promise<void> | undefined
  /** Of the entries so far. */
  root(): Promise<Buffer>
  /** As `ComputedTree.digests`. Ends it. */
  digests(): Promise<Digest[]>
  close(): Promise<void>
}

/** In a thread of its own where that is worth it. */
export const treeBeside = (entries: number): TreeBeside => (entries < THREAD_FROM ? new TreeHere() : new TreeThread())

/** The same without a thread. */
export class TreeHere implements TreeBeside {
  readonly #tree = new ComputedTree()

  get size(): number {
    return this.#tree.size
  }
  add(data: Digest): void {
    this.#tree.add(leafDigest(data))
  }
  room(): undefined {}
  async root(): Promise<Buffer> {
    return this.#tree.root()
  }
  async digests(): Promise<Digest[]> {
    return this.#tree.digests()
  }
  async close(): Promise<void> {}
}

type Waiting = { resolve(given: Given): void; reject(error: Error): void }

/** Hashes travel in batches, whose memory comes back with the thread's word that they are in the tree. */
export class TreeThread implements TreeBeside {
  readonly #worker = new Worker(new URL('./tree-worker.ts', import.meta.url))
  readonly #free: Buffer[] = []
  readonly #asked: Waiting[] = []
  #batch: Buffer = Buffer.allocUnsafeSlow(BATCH)
  #end = 0
  #waiting = 0
  #made: PromiseWithResolvers<void> | undefined
  #failed: Error | undefined
  size = 0

  constructor() {
    this.#worker.on('message', (given: Given) => this.#given(given))
    this.#worker.on('error', (error: Error) => this.#fail(error))
    this.#worker.on('exit', () => this.#fail(new Error('the thread of the tree ended')))
  }

  add(data: Digest): void {
    this.#batch.write(data, this.#end, 'latin1')
    this.#end += HASH_BYTES
    this.size += 1
    if (this.#end === BATCH) this.#send()
  }

  room(): Promise<void> | undefined {
    if (this.#failed) throw this.#failed
    if (this.#waiting < MOST_WAITING) return undefined
    this.#made ??= Promise.withResolvers()
    return this.#made.promise
  }

  async root(): Promise<Buffer> {
    const { root } = await this.#ask('root')
    return Buffer.from(root!)
  }

  async digests(): Promise<Digest[]> {
    const { digests } = await this.#ask('digests')
    return digests!
  }

  async close(): Promise<void> {
    await this.#worker.terminate()
  }

  #ask(what: Exclude<Asked['ask'], undefined>): Promise<Given> {
    this.#send(what)
    const answer = new Promise<Given>((resolve, reject) => this.#asked.push({ resolve, reject }))
    // Whoever finds something wrong meanwhile does not wait for it.
    answer.catch(() => {})
    if (this.#failed) this.#fail(this.#failed)
    return answer
  }

  #send(ask?: Asked['ask']): void {
    const leaves = this.#batch.buffer as ArrayBuffer
    this.#worker.postMessage({ leaves, end: this.#end, ask } satisfies Asked, [leaves])
    this.#waiting += 1
    this.#batch = this.#free.pop() ?? Buffer.allocUnsafeSlow(BATCH)
    this.#end = 0
  }

  #given(given: Given): void {
    this.#waiting -= 1
    this.#free.push(Buffer.from(given.leaves))
    if (given.root || given.digests) this.#asked.shift()!.resolve(given)
    this.#made?.resolve()
    this.#made = undefined
  }

  #fail(error: Error): void {
    this.#failed ??= error
    for (const { reject } of this.#asked.splice(0)) reject(this.#failed)
    this.#made?.reject(this.#failed)
    this.#made = undefined
  }
}
