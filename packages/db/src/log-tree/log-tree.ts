import { leafData } from '@stewrd/crypto/log-leaf.ts'
import { edgeOf, growTree, leafHash } from '@stewrd/crypto/merkle.ts'
import type { Node } from '@stewrd/crypto/merkle.ts'
import type { Sql } from '../connect.ts'
import { run } from '../db-error.ts'
import { Loop } from '../loop.ts'
import type { Lease } from '../sequencer.ts'
import { hexArray, plainArray } from '../sql-array.ts'
import { readLeaves, readNodes } from './nodes.ts'

const BATCH = 1000
const IDLE_MS = { from: 100, to: 1000 }
/** Batches of the log that arrive within this time after one was hashed are hashed together. */
const GATHER_MS = 200

export type LogTreeOptions = {
  sql: Sql
  /** The sequencer's: whoever orders the log hashes it. */
  lease: () => Lease | undefined
  /** Called with the size of the tree when it has grown. */
  onGrown?: (size: number) => void
  onError?: (error: unknown) => void
  /** Called when hashes were computed, before they are stored: for tests that stop here. */
  onHashed?: () => void
}

/**
 * Follows the log with its Merkle tree. Nodes and size change in one statement, which is conditional on the size that was
 * read and on the lease: after a crash at any moment the tree goes on where it was, and no node is written twice.
 */
export class LogTree {
  readonly #options: LogTreeOptions
  readonly #loop: Loop

  constructor(options: LogTreeOptions) {
    this.#options = options
    const onError = options.onError ?? (() => {})
    this.#loop = new Loop({ step: async () => (await this.#grow()) > 0, idleMs: IDLE_MS, gatherMs: GATHER_MS, onError })
  }

  start(): void {
    this.#loop.start()
  }

  stop(): Promise<void> {
    return this.#loop.stop()
  }

  /** The log has grown. */
  poke(): void {
    this.#loop.poke()
  }

  /** Hashes until the tree is as large as the log, if the lease is held. Returns how many entries it added. */
  async drain(): Promise<number> {
    let total = 0
    for (;;) {
      const added = await this.#loop.exclusively(() => this.#grow())
      if (added === 0) return total
      total += added
    }
  }

  async #grow(): Promise<number> {
    const { sql, lease, onGrown, onHashed } = this.#options
    const held = lease()
    if (!held) return 0
    const { tree, log } = await sizes(sql)
    const to = Math.min(log, tree + BATCH)
    if (to <= tree) return 0
    const [leaves, edge] = await Promise.all([readLeaves(sql, tree, to), readNodes(sql, edgeOf(tree))])
    const hashes = leaves.map((leaf) => leafHash(leafData(leaf)))
    const nodes = growTree(tree, edge, hashes)
    onHashed?.()
    if (!(await store(sql, held, { from: tree, to }, nodes))) return 0
    onGrown?.(to)
    return to - tree
  }
}

async function sizes(sql: Sql): Promise<{ tree: number; log: number }> {
  const [row] = await run(sql<{ tree: number; log: number }[]>`
    select t.size as tree, l.size as log from tree_state t, log_state l`)
  return row!
}

/** All or nothing; false when the tree is not of size `from` any more, or the lease is lost. */
async function store(
  sql: Sql,
  { epoch, holder }: Lease,
  { from, to }: { from: number; to: number },
  nodes: readonly Node[],
): Promise<boolean> {
  const [grown] = await run(sql<{ size: number }[]>`
    with grown as (
      update tree_state set size = ${to}
      where size = ${from} and exists (
        select from log_state where epoch = ${epoch} and holder = ${holder} and expires_at > clock_timestamp())
      returning size
    ), stored as (
      insert into tree_nodes (level, idx, hash)
      select n.level, n.idx, decode(n.hash, 'hex')
      from grown, unnest(${plainArray(nodes.map((n) => n.level))}::int[], ${plainArray(nodes.map((n) => n.index))}::bigint[],
        ${hexArray(nodes.map((n) => n.hash))}::text[]) as n(level, idx, hash)
    )
    select size from grown`)
  return grown !== undefined
}
