import { openBundleSeal } from '@stewrd/crypto/bundle-seal.ts'
import type { Checkpoint as TreeCheckpoint } from '@stewrd/crypto/checkpoint.ts'
import { openCheckpoint } from '@stewrd/crypto/checkpoint.ts'
import { verifyConsistency } from '@stewrd/crypto/merkle-verify.ts'
import { NoteError } from '@stewrd/crypto/signed-note.ts'
import type { z } from 'zod'
import type { ForeignNames } from './bundle-streams.ts'
import { BundleStreams } from './bundle-streams.ts'
import { checkEvent } from './check-event.ts'
import type { Head as BundleHead, BundleRecord } from './format.ts'
import { Checkpoint, decode, End, Event as EventRecord, FOREIGN_FORMAT, unbase64 } from './format.ts'
import type { Line } from './lines.ts'
import type { BundleProblem } from './refused.ts'
import { BundleRefused } from './refused.ts'
import type { RunFacts } from './run-facts.ts'
import { RunFactsReader } from './run-facts.ts'

/** What was proved. `partial` counts streams whose beginning lies before the bundle. */
export type BundleFacts = {
  head: BundleHead
  /** Whether the verifier key came from outside the file. */
  keyGiven: boolean
  checkpoints: readonly { size: number; root: string }[]
  /** The size of the checkpoint from outside that the log of the bundle agrees with. */
  outside: number | null
  events: number
  streams: number
  partial: number
  /** Events of other projects in streams of this one, and events of this one in streams of other projects: see `BundleStreams`. */
  foreign: ForeignNames
  elsewhere: ForeignNames
  disclosed: number
  firstPlace: number | null
  lastPlace: number | null
  run: RunFacts | null
}
export type VerifyOptions = { key?: string | undefined; checkpoint?: string | undefined }

const MAX_CHECKPOINTS = 64

/** A record, or why the line is none. */
export function parse<T extends z.ZodType<BundleRecord>>(schema: T, line: Line): z.output<T> {
  const decoded = decode(schema, line.text)
  if ('record' in decoded) return decoded.record
  throw new BundleRefused('MALFORMED', decoded.problem, { line: line.number })
}

/** What has been checked of a bundle so far; each line goes on from those before it. */
export class Checker {
  readonly #head: BundleHead
  readonly #key: string
  readonly #options: VerifyOptions
  readonly #trees: TreeCheckpoint[] = []
  readonly #run: RunFactsReader | undefined
  #outside: number | null = null
  readonly #streams: BundleStreams
  #counts = { events: 0, disclosed: 0 }
  #places: { first: number; last: number } | undefined

  constructor(head: BundleHead, { number }: Line, options: VerifyOptions) {
    const { key = head.verifier_key } = options
    if (key !== head.verifier_key)
      throw new BundleRefused('KEY_WRONG', 'the file names another verifier key than the one that was given', {
        line: number,
      })
    if (
      head.to < head.from ||
      !key.startsWith(`${head.origin}+`) ||
      (head.run_id === null) === (head.disclosed === 'run') ||
      (head.run_id !== null && head.format === FOREIGN_FORMAT)
    )
      throw new BundleRefused('MALFORMED', 'its fields do not fit together', { line: number })
    this.#head = head
    this.#streams = new BundleStreams(head)
    this.#key = key
    this.#options = options
    this.#run = head.run_id === null ? undefined : new RunFactsReader(head.project_id, head.run_id)
  }

  checkpoint(line: Line): void {
    const { checkpoint } = parse(Checkpoint, line)
    const wrong = (problem: string) => new BundleRefused('CHECKPOINT_WRONG', problem, { line: line.number })
    if (this.#counts.events > 0 || this.#trees.length === MAX_CHECKPOINTS)
      throw wrong('a checkpoint may not stand here')
    const tree = open(checkpoint.note, this.#key, 'CHECKPOINT_WRONG', line.number)
    const before = this.#trees.at(-1)
    if (before && before.size >= tree.size) throw wrong('checkpoints are not in order')
    const proof = checkpoint.consistency.map(unbase64)
    if (before ? !verifyConsistency(before, tree, proof) : proof.length > 0)
      throw wrong('this tree does not go on from the checkpoint before it')
    this.#trees.push(tree)
  }

  event(line: Line): void {
    const record = parse(EventRecord, line)
    const { index, disclosed } = record.event
    const at = { line: line.number }
    const tree = this.#trees.at(-1)
    if (!tree) throw new BundleRefused('MALFORMED', 'there is no checkpoint before the first event', at)
    this.#streams.next(record, at)
    this.#streams.linked(record, checkEvent(record, tree, at))
    this.#counts.events += 1
    if (disclosed) this.#counts.disclosed += 1
    this.#places = {
      first: Math.min(this.#places?.first ?? index, index),
      last: Math.max(this.#places?.last ?? 0, index),
    }
    this.#run?.take(record, at)
  }

  end(line: Line, digest: Buffer): void {
    const { end } = parse(End, line)
    if (this.#trees.length === 0) throw new BundleRefused('MALFORMED', 'there is no checkpoint', { line: line.number })
    this.#streams.end()
    const sealed = open(end.note, this.#key, 'SEAL_WRONG', line.number, openBundleSeal)
    if (sealed.events !== this.#counts.events || !sealed.digest.equals(digest))
      throw new BundleRefused(
        'SEAL_WRONG',
        'the file is not as it was exported: something was changed, added or left out',
        {
          line: line.number,
        },
      )
    if (this.#options.checkpoint !== undefined) this.#outside = this.#compare(this.#options.checkpoint)
  }

  #compare(note: string): number {
    const theirs = open(note, this.#key, 'CHECKPOINT_WRONG')
    const same = this.#trees.find((tree) => tree.size === theirs.size)
    if (!same)
      throw new BundleRefused(
        'CHECKPOINT_UNKNOWN',
        `the bundle cannot be compared with the given checkpoint of ${theirs.size} entries: ask for an export with --checkpoint and that file`,
      )
    if (!same.root.equals(theirs.root))
      throw new BundleRefused(
        'CHECKPOINT_WRONG',
        `the log of the bundle is not the one of the given checkpoint of ${theirs.size}`,
      )
    return theirs.size
  }

  facts(): BundleFacts {
    const { first = null, last = null } = this.#places ?? {}
    const { streams, partial, foreign, elsewhere } = this.#streams
    return {
      head: this.#head,
      keyGiven: this.#options.key !== undefined,
      checkpoints: this.#trees.map(({ size, root }) => ({ size, root: root.toString('base64') })),
      outside: this.#outside,
      ...this.#counts,
      streams,
      partial,
      foreign,
      elsewhere,
      firstPlace: first,
      lastPlace: last,
      run: this.#run?.facts() ?? null,
    }
  }
}

/** A signed note, or what its refusal means here. */
function open(note: string, key: string, code: BundleProblem, line?: number): TreeCheckpoint
function open<T>(
  note: string,
  key: string,
  code: BundleProblem,
  line: number | undefined,
  read: (note: string, key: string) => T,
): T
function open(
  note: string,
  key: string,
  code: BundleProblem,
  line?: number,
  read: (note: string, key: string) => unknown = openCheckpoint,
) {
  try {
    return read(note, key)
  } catch (error) {
    if (!(error instanceof NoteError)) throw error
    const ours = error.code === 'VERIFIER_KEY_MALFORMED'
    throw new BundleRefused(
      ours ? 'KEY_WRONG' : code,
      noteProblems[error.code],
      line === undefined || ours ? {} : { line },
    )
  }
}

const noteProblems: Record<NoteError['code'], string> = {
  NOTE_MALFORMED: 'its signed note is malformed, or signed for another log',
  NOTE_UNSIGNED: 'its note is not signed by the verifier key',
  NOTE_SIGNATURE_WRONG: 'the signature of its note is wrong',
  VERIFIER_KEY_MALFORMED: 'the verifier key is malformed',
}
