import { openCheckpoint } from '@stewrd/crypto/checkpoint.ts'
import { NoteError } from '@stewrd/crypto/signed-note.ts'
import type { Sql } from '../connect.ts'
import { run } from '../db-error.ts'
import type { Findings } from './findings.ts'
import type { ComputedTree } from './tree.ts'

/** A tree head that this log signed, kept outside the database; `where` is for people. */
export type OutsideCheckpoint = { size: number; root: Buffer; where: string }
const TIME_WRONG = 'has a time at which it cannot have been signed'
type Stored = { size: number; note: string; at: Date }

const PAGE = 500
/** Clocks of nodes and database differ by less. */
const SKEW_MS = 5 * 60_000

/** Compares every signed tree head with the tree that is computed anew, in the order of size. */
export class SignedHeads {
  readonly #deps: { sql: Sql; verifierKey: string }
  readonly #findings: Findings
  readonly #outside: OutsideCheckpoint[]
  readonly #stored = new Set<number>()
  readonly #end: number
  readonly #now: number
  /** The latest time of an entry so far. */
  #latest = 0
  /** Checkpoints that were signed before the time of their last entry: wrong, unless a later entry shows that its clock was ahead. */
  #early: { size: number; entryAt: number }[] = []
  #latestOfEarly = Number.NEGATIVE_INFINITY
  #page: Stored[] = []
  #last: Stored | undefined
  #more = true
  /** The newest that holds. */
  newest: { size: number; at: number } | null = null

  /** `end`: the size of the tree; what was signed since is not looked at. `now`: the time of the look, in unix milliseconds. */
  constructor(
    { sql, verifierKey, outside }: { sql: Sql; verifierKey: string; outside: readonly OutsideCheckpoint[] },
    { hashed: end, now }: { hashed: number; now: number },
    findings: Findings,
  ) {
    this.#deps = { sql, verifierKey }
    this.#findings = findings
    this.#end = end
    this.#now = now
    this.#outside = outside.toSorted((a, b) => a.size - b.size)
  }

  /** Call it with the time of each entry, in order. */
  saw(at: number): void {
    if (at > this.#latest) this.#latest = at
    if (at >= this.#latestOfEarly - SKEW_MS) return
    this.#early = this.#early.filter(({ entryAt }) => at >= entryAt - SKEW_MS)
    this.#latestOfEarly = Math.max(...this.#early.map(({ entryAt }) => entryAt))
  }

  /** Call it at every size that `next` names. `at`: the time of the entry before it. */
  async compare(tree: ComputedTree, at: number): Promise<void> {
    for (let stored = await this.#peek(); stored && stored.size <= tree.size; stored = await this.#peek()) {
      this.#page.shift()
      this.#checkStored(stored, tree, at)
    }
    for (let out = this.#outside[0]; out && out.size <= tree.size; out = this.#outside[0]) {
      this.#outside.shift()
      if (!out.root.equals(tree.root())) this.#rewritten(tree, out.where)
      else if (!this.#stored.has(out.size))
        this.#findings.add(
          'CHECKPOINT_WRONG',
          `The database lacks the checkpoint of ${out.size} entries, which was signed (${out.where}).`,
          { index: out.size - 1 },
        )
    }
  }

  /** The next size at which something was signed. */
  async next(): Promise<number> {
    const stored = await this.#peek()
    return Math.min(stored?.size ?? Number.POSITIVE_INFINITY, this.#outside[0]?.size ?? Number.POSITIVE_INFINITY)
  }

  /** Call it after the last entry. `stored`: the largest size in the database. What is left was signed over entries that are not there. */
  end(size: number, stored: number): void {
    for (const early of this.#early) this.#wrong(early.size, TIME_WRONG, early.size - 1)
    const inside = stored > size ? [{ size: stored, where: 'the database' }] : []
    for (const { size: signed, where } of [...this.#outside, ...inside])
      this.#findings.add(
        'LOG_SHRANK',
        `The log has ${size} entries, and a checkpoint of ${signed} was signed (${where}): entries ${size} to ${signed - 1} are missing. An older backup was restored, or the end of the history was cut off.`,
        { index: size },
      )
  }

  async #peek(): Promise<Stored | undefined> {
    if (this.#page.length === 0 && this.#more) {
      const last = this.#page.at(-1)?.size ?? this.#last?.size ?? 0
      this.#page = await run(this.#deps.sql<Stored[]>`
        select size, note, at from checkpoints where size > ${last} and size <= ${this.#end} order by size limit ${PAGE}`)
      this.#more = this.#page.length === PAGE
    }
    return this.#page[0]
  }

  #checkStored(stored: Stored, tree: ComputedTree, at: number): void {
    const { size, note } = stored
    const signed = stored.at.getTime()
    const index = size - 1
    const before = this.#last
    this.#last = stored
    // Few are named by a file outside; the others are forgotten.
    if (this.#outside.some((o) => o.size === size)) this.#stored.add(size)
    try {
      const head = openCheckpoint(note, this.#deps.verifierKey)
      if (head.size !== size) return this.#wrong(size, 'is that of another size', index)
      if (!head.root.equals(tree.root())) return this.#rewritten(tree, 'the database')
    } catch (error) {
      if (!(error instanceof NoteError)) throw error
      return this.#wrong(size, "was not signed by this log's key, or was changed", index)
    }
    const latest = Math.max(this.#now, this.#latest) + SKEW_MS
    const inOrder = before === undefined || signed >= before.at.getTime() - SKEW_MS
    if (!inOrder || signed > latest) return this.#wrong(size, TIME_WRONG, index)
    this.newest = { size, at: signed }
    // An entry of a time that has not come yet was written by a node whose clock was ahead: it says nothing of the signer's.
    if (signed >= at - SKEW_MS || at > this.#now + SKEW_MS) return
    this.#early.push({ size, entryAt: at })
    this.#latestOfEarly = Math.max(this.#latestOfEarly, at)
  }

  #wrong(size: number, why: string, index: number) {
    this.#findings.add('CHECKPOINT_WRONG', `The stored checkpoint of ${size} entries ${why}.`, { index })
  }

  /** One of a changed event, which was found by itself, is no news. */
  #rewritten({ size, explained }: ComputedTree, where: string) {
    if (explained) return
    const from = this.newest?.size ?? 0
    this.#findings.add(
      'CHECKPOINT_WRONG',
      `The first ${size} entries of the log are not those that were signed (${where}): one of entries ${from} to ${size - 1} was replaced, or the checkpoint was.`,
      { index: from },
    )
  }
}
