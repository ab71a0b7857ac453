import { createHash } from 'node:crypto'
import type { Digest } from '@stewrd/crypto/digest.ts'
import type { Tx } from '../connect.ts'
import type { Places } from '../copy-binary.ts'
import { copyChunks, int8 } from '../copy-binary.ts'

const HASH_BYTES = 32

/** One hash over many, in their order: to compare millions without keeping them. */
export class NodesDigest {
  readonly #hash = createHash('sha256')
  readonly #block = Buffer.alloc(128 * HASH_BYTES)
  #used = 0

  add(hash: Digest): void {
    this.#block.write(hash, this.#room(), 'latin1')
  }

  addBytes(bytes: Buffer, from: number): void {
    bytes.copy(this.#block, this.#room(), from, from + HASH_BYTES)
  }

  /** Ends it. */
  digest(): Digest {
    return this.#hash.update(this.#block.subarray(0, this.#used)).digest('binary')
  }

  #room(): number {
    if (this.#used === this.#block.length) {
      this.#hash.update(this.#block)
      this.#used = 0
    }
    this.#used += HASH_BYTES
    return this.#used - HASH_BYTES
  }
}

/** What the stored tree of `size` entries has on each level; undefined when a hash is missing, or there are others. `tx` can be used on. */
export async function storedNodes(tx: Tx, size: number, saw: (rows: number) => void): Promise<Digest[] | undefined> {
  const stored = new StoredNodes(size)
  let fit = true
  const query = `select level::bigint, idx, hash from tree_nodes order by level, idx`
  for await (const rows of copyChunks(tx, query, (bytes, at) => stored.add(bytes, at))) {
    fit &&= !rows.includes(false)
    saw(rows.length)
  }
  return fit ? stored.digests : undefined
}

/** The hashes of a tree in the order of level and index. */
class StoredNodes {
  readonly #levels: NodesDigest[] = [new NodesDigest()]
  readonly #size: number
  #next = 0

  constructor(size: number) {
    this.#size = size
  }

  /** Whether the next row is what has to come. */
  add(bytes: Buffer, at: Places): boolean {
    if (this.#next === this.#width) {
      this.#levels.push(new NodesDigest())
      this.#next = 0
    }
    const level = this.#levels.length - 1
    const fits =
      this.#next < this.#width &&
      int8(bytes, at[0]) === level &&
      int8(bytes, at[2]) === this.#next &&
      at[4]! + HASH_BYTES === at[5]
    if (fits) this.#levels[level]!.addBytes(bytes, at[4]!)
    this.#next += 1
    return fits
  }

  /** Undefined while there are more to come. */
  get digests(): Digest[] | undefined {
    const areAll = this.#next === this.#width && 2 ** this.#levels.length > this.#size
    return areAll ? this.#levels.map((level) => level.digest()) : undefined
  }

  /** How many hashes the level at hand has. */
  get #width(): number {
    return Math.floor(this.#size / 2 ** (this.#levels.length - 1))
  }
}
