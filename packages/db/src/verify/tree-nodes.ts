import type { Hash } from 'node:crypto'
import { createHash } from 'node:crypto'
import type { Digest } from '@stewrd/crypto/digest.ts'
import type { Tx } from '../connect.ts'
import type { Places } from '../copy-binary.ts'
import { copyChunks, int8 } from '../copy-binary.ts'

const HASH_BYTES = 32
const BLOCK = 128
/** So many hashes of a level may lie between where one is stored and where it belongs: a multiple of `BLOCK`. */
const WINDOW = 2 ** 15

/** One hash over many, in their order: to compare millions without keeping them. */
export class NodesDigest {
  readonly #hash = createHash('sha256')
  #text = ''

  add(hash: Digest): void {
    this.#text += hash
    if (this.#text.length < BLOCK * HASH_BYTES) return
    this.#hash.update(this.#text, 'latin1')
    this.#text = ''
  }

  /** Ends it. */
  digest(): Digest {
    return this.#hash.update(this.#text, 'latin1').digest('binary')
  }
}

/**
 * What the stored tree of `size` entries has on each level; undefined when a hash is missing, or there are others. They are read as they lie,
 * which is about the order in which they were made; or else put into order. `tx` can be used on.
 */
export const storedNodes = async (
  tx: Tx,
  size: number,
  saw: (rows: number) => void,
  window = WINDOW,
): Promise<Digest[] | undefined> =>
  (await readNodes(tx, new StoredNodes(size, window), saw)) ??
  (await readNodes(tx, new StoredNodes(size, window), () => {}, 'order by level, idx'))

async function readNodes(
  tx: Tx,
  stored: StoredNodes,
  saw: (rows: number) => void,
  order = '',
): Promise<Digest[] | undefined> {
  let fit = true
  const query = `select level, idx, hash from tree_nodes ${order}`
  for await (const rows of copyChunks(tx, query, (bytes, at, from) => stored.add(bytes, at, from))) {
    fit &&= !rows.includes(false)
    saw(rows.length)
  }
  return fit ? stored.digests : undefined
}

class StoredNodes {
  readonly #levels: StoredLevel[] = []

  constructor(size: number, window: number) {
    for (let width = size; width > 0 || this.#levels.length === 0; width = Math.floor(width / 2))
      this.#levels.push(new StoredLevel(width, window))
  }

  /** Whether the next row is one that can come. */
  add(bytes: Buffer, at: Places, from: number): boolean {
    const level = this.#levels[bytes.readInt16BE(at[from])]
    const hash = at[from + 4]!
    return (
      level !== undefined && hash + HASH_BYTES === at[from + 5] && level.add(int8(bytes, at[from + 2]), bytes, hash)
    )
  }

  /** Undefined while there are more to come. */
  get digests(): Digest[] | undefined {
    return this.#levels.every((level) => level.isWhole) ? this.#levels.map((level) => level.digest()) : undefined
  }
}

/** The hashes of a level that came, and one hash over those that all before them came of. */
class StoredLevel {
  readonly #width: number
  readonly #hash: Hash = createHash('sha256')
  readonly #window: Buffer
  readonly #came: Uint8Array
  /** All before it came, and all before `hashed` have left the window. */
  #next = 0
  #hashed = 0

  constructor(width: number, window: number) {
    const room = Math.min(window, Math.ceil(width / BLOCK) * BLOCK)
    this.#width = width
    this.#window = Buffer.alloc(room * HASH_BYTES)
    this.#came = new Uint8Array(room)
  }

  add(idx: number, bytes: Buffer, from: number): boolean {
    const room = this.#came.length
    const slot = idx % room
    if (idx < this.#next || idx >= this.#width || idx >= this.#hashed + room || this.#came[slot]) return false
    const [window, to] = [this.#window, slot * HASH_BYTES]
    for (let i = 0; i < HASH_BYTES; i++) window[to + i] = bytes[from + i]!
    this.#came[slot] = 1
    while (this.#came[this.#next % room]) {
      this.#came[this.#next % room] = 0
      this.#next += 1
      if (this.#next % BLOCK === 0) this.#leave()
    }
    return true
  }

  get isWhole(): boolean {
    return this.#next === this.#width
  }

  /** Ends it. */
  digest(): Digest {
    if (this.#next > this.#hashed) this.#leave()
    return this.#hash.digest('binary')
  }

  #leave(): void {
    const from = (this.#hashed % this.#came.length) * HASH_BYTES
    this.#hash.update(this.#window.subarray(from, from + (this.#next - this.#hashed) * HASH_BYTES))
    this.#hashed = this.#next
  }
}
