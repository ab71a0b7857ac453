import { systemProblem } from '@stewrd/core/kernel/problem-words.ts'
import { signCheckpoint } from '@stewrd/crypto/checkpoint.ts'
import type { NodeAt } from '@stewrd/crypto/merkle.ts'
import type { NoteSigner } from '@stewrd/crypto/signed-note.ts'
import type { Sql } from '@stewrd/db/connect.ts'
import { holdsLease, latestCheckpoint, setAlarm, storeCheckpoint, treeState } from '@stewrd/db/log-tree/checkpoints.ts'
import type { LogAlarm } from '@stewrd/db/log-tree/checkpoints.ts'
import { readNodes } from '@stewrd/db/log-tree/nodes.ts'
import { Loop } from '@stewrd/db/loop.ts'
import type { Lease } from '@stewrd/db/sequencer.ts'
import type { Logger } from 'pino'
import type { CheckpointFiles } from './checkpoint-files.ts'
import type { Witness } from './examine.ts'
import { examine, LogRefused, witnessOf } from './examine.ts'

/** At most this many signatures a second: two. Growth is signed within the pause and the work. */
const GATHER_MS = 500
const IDLE_MS = { from: 250, to: 500 }
/** While nothing grows, the tree is compared with the last checkpoint this often. */
const LOOK_AGAIN_MS = 5_000
const KEPT = 8
/** The alarm while the disk takes no checkpoint. */
export const NOT_KEPT = 'CHECKPOINT_NOT_KEPT'

/** Every step between which a process may die, in order. */
export const signerSteps = ['examined', 'signed', 'kept', 'stored', 'anchored'] as const
export type SignerStep = (typeof signerSteps)[number]

export type SignerOptions = {
  sql: Sql
  signer: NoteSigner
  /** Whether this machine's clock and the database's agree: else a checkpoint is given no time of either. */
  clockTrusted: () => boolean
  /** The sequencer's: one node signs at a time. */
  lease: () => Lease | undefined
  /** The signer's own memory, outside the database. */
  own: CheckpointFiles
  anchors: CheckpointFiles
  log: Logger
  onSigned?: (size: number, note: string) => void
  onStep?: (step: SignerStep) => void
}

type Signed = { size: number; note: string }

/**
 * Signs what the log has grown to, once it goes on from everything that was signed before: its own files, the anchors, the
 * database. Otherwise nothing is signed, and the alarm stands until it does. Signing the same size again gives the same bytes,
 * so a step that a crash cut off is done again.
 */
export class Signer {
  readonly #options: SignerOptions
  readonly #loop: Loop
  #epoch: number | undefined
  #witnesses: readonly Witness[] = []
  #last: Signed | undefined
  #published = true
  #lookAgainAt = 0
  #damage: LogAlarm | undefined
  #ownIsStored = false

  constructor(options: SignerOptions) {
    this.#options = options
    const onError = (error: unknown) =>
      options.log.warn({ err: error, part: 'signer' }, 'a checkpoint could not be signed, and is tried again')
    this.#loop = new Loop({ step: () => this.#step(), idleMs: IDLE_MS, gatherMs: GATHER_MS, onError })
  }

  start(): void {
    this.#loop.start()
  }

  stop(): Promise<void> {
    return this.#loop.stop()
  }

  /** The tree has grown. */
  poke(): void {
    this.#loop.poke()
  }

  /** Signs now what there is to sign, if the lease is held. Returns whether something was signed. */
  sign(): Promise<boolean> {
    return this.#loop.exclusively(() => this.#step())
  }

  /** What stopped the tree from growing, or that it grows again. */
  treeStopped(damage: LogAlarm | undefined): void {
    this.#damage = damage
  }

  /** Whether the log goes on from everything that was signed; signs nothing and needs no lease. */
  async examine(): Promise<LogAlarm | undefined> {
    try {
      const witnesses = await this.#find()
      const { size } = await treeState(this.#options.sql)
      await examine(this.#read, size, witnesses)
      return undefined
    } catch (error) {
      return alarmOf(error)
    }
  }

  /** What was signed last and kept outside the database, where it can be found. Throws LogRefused for one that this log did not sign. */
  async outside(): Promise<Witness[]> {
    const { own, anchors, signer } = this.#options
    const files = (await Promise.all([own.latest(), anchors.latest()])).flatMap((f) => f ?? [])
    return files.map(({ note, path }) => witnessOf({ note, where: path }, signer.verifierKey))
  }

  async #step(): Promise<boolean> {
    const { sql, lease } = this.#options
    if (!this.#ownIsStored) await this.#storeOwn()
    const held = lease()
    if (!held || !(await holdsLease(sql, held))) return false
    try {
      // A signer that takes over does not know what the one before it signed.
      if (held.epoch !== this.#epoch) await this.#takeOver(held.epoch)
      if (this.#damage) throw new LogRefused(this.#damage)
      const state = await treeState(sql)
      const signed = await this.#signGrowth(state.size)
      if (state.alarm) await this.#clear()
      return signed
    } catch (error) {
      await this.#raise(alarmOf(error))
      return false
    }
  }

  /**
   * Stores what this node signed last, if a crash came between keeping and storing it. Needs no lease: another node may have signed a larger
   * size since. What does not hold is not stored; the signer that holds the lease raises the alarm.
   */
  async #storeOwn(): Promise<void> {
    const { sql, own, signer } = this.#options
    const file = await own.latest()
    try {
      if (file) {
        const kept = witnessOf({ note: file.note, where: file.path }, signer.verifierKey)
        await examine(this.#read, (await treeState(sql)).size, [kept])
        await storeCheckpoint(sql, file)
      }
    } catch (error) {
      if (!(error instanceof LogRefused)) throw error
    }
    this.#ownIsStored = true
  }

  async #takeOver(epoch: number): Promise<void> {
    const found = await this.#find()
    this.#witnesses = found.sort((a, b) => b.size - a.size)
    this.#last = undefined
    this.#epoch = epoch
    this.#damage = undefined
  }

  async #signGrowth(size: number): Promise<boolean> {
    const grown = size !== this.#last?.size
    if (!grown && !this.#published) await this.#publish()
    if (!grown && performance.now() < this.#lookAgainAt) return false
    const head = await examine(this.#read, size, this.#witnesses)
    this.#lookAgainAt = performance.now() + LOOK_AGAIN_MS
    this.#options.onStep?.('examined')
    if (!grown || size === 0) return false
    const note = signCheckpoint(this.#options.signer, head)
    this.#options.onStep?.('signed')
    // From here on this size counts as signed, whatever happens: nothing else of this size may be.
    await this.#options.own.keep(size, note)
    this.#options.onStep?.('kept')
    this.#last = { size, note }
    this.#witnesses = [witnessOf({ note, where: 'this signer' }, this.#options.signer.verifierKey)]
    this.#published = false
    await this.#publish()
    return true
  }

  async #publish(): Promise<void> {
    const { sql, clockTrusted, own, anchors, onSigned, onStep } = this.#options
    const { size, note } = this.#last!
    await storeCheckpoint(sql, { size, note, trusted: clockTrusted() })
    onStep?.('stored')
    onSigned?.(size, note)
    await anchors.keep(size, note)
    onStep?.('anchored')
    await own.prune(KEPT)
    this.#published = true
  }

  /** Everything that this log is known to have signed last. */
  async #find(): Promise<Witness[]> {
    const [files, stored] = await Promise.all([this.outside(), latestCheckpoint(this.#options.sql)])
    const inside = stored && witnessOf({ note: stored.note, where: 'the database' }, this.#options.signer.verifierKey)
    return inside ? [...files, inside] : files
  }

  readonly #read = (at: readonly NodeAt[]) => readNodes(this.#options.sql, at)

  async #raise(alarm: LogAlarm): Promise<void> {
    const { sql, log } = this.#options
    this.#lookAgainAt = 0
    const { alarm: raised } = await treeState(sql)
    if (raised?.code === alarm.code && raised.message === alarm.message) return
    log.error({ part: 'signer', code: alarm.code }, alarm.message)
    await setAlarm(sql, alarm)
  }

  async #clear(): Promise<void> {
    this.#options.log.warn({ part: 'signer' }, 'the log goes on from what was signed again: the alarm is taken back')
    await setAlarm(this.#options.sql, null)
  }
}

/** Of a full disk and the like, too: what cannot be kept outside the database is not signed. */
function alarmOf(error: unknown): LogAlarm {
  if (error instanceof LogRefused) return { code: error.code, message: error.message }
  const problem = error instanceof Error && 'syscall' in error && 'code' in error && systemProblem(String(error.code))
  if (problem)
    return { code: NOT_KEPT, message: `Checkpoints cannot be kept in the home or the anchor folder. ${problem}` }
  throw error
}
