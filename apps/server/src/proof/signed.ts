import { Refusal } from '@stewrd/core/kernel/errors.ts'
import type { Checkpoint as TreeCheckpoint } from '@stewrd/crypto/checkpoint.ts'
import { openCheckpoint } from '@stewrd/crypto/checkpoint.ts'
import { verifyConsistency } from '@stewrd/crypto/merkle-verify.ts'
import type { ReadNodes } from '@stewrd/crypto/merkle.ts'
import { consistencyProof } from '@stewrd/crypto/merkle.ts'
import { NoteError } from '@stewrd/crypto/signed-note.ts'
import { treeState } from '@stewrd/db/log-tree/checkpoints.ts'
import { setTimeout as delay } from 'node:timers/promises'
import type { Platform } from '../platform.ts'
import type { Checkpoint } from './format.ts'
import { base64 } from './format.ts'

/** A signed tree head with its note, and when it was signed by the clock of the server. */
export type Signed = TreeCheckpoint & { note: string; at: number }

const LOOK_MS = 50

/** The newest checkpoint, as soon as it covers `entries` entries; after `waitMs` whatever it covers. */
export async function signedUpTo(platform: Platform, entries: number, waitMs: number): Promise<Signed | undefined> {
  const until = performance.now() + waitMs
  for (;;) {
    const latest = await platform.publicLog.published.refresh()
    const enough = latest !== undefined && latest.size >= entries
    if (latest && (enough || performance.now() >= until))
      return { ...opened(platform, latest.note), note: latest.note, at: latest.at }
    if (performance.now() >= until) return undefined
    await delay(LOOK_MS)
  }
}

/** Says why there is no proof yet. */
export async function notSigned(platform: Platform, needed: number, signed: number): Promise<Refusal> {
  const { alarm } = await treeState(platform.sql)
  return new Refusal('LOG_NOT_SIGNED', { needed, signed, ...(alarm && { alarm: alarm.message }) })
}

/** The notes by size, each with the proof that the log goes on from the one before it. Refused for one that it does not go on from. */
export async function checkpointRecords(
  platform: Platform,
  read: ReadNodes,
  notes: readonly string[],
): Promise<Checkpoint[]> {
  const trees = [...new Map(notes.map((note) => [opened(platform, note).size, note]))].sort(([a], [b]) => a - b)
  const records: Checkpoint[] = []
  let before: TreeCheckpoint | undefined
  for (const [, note] of trees) {
    const tree = opened(platform, note)
    const proof = before ? await consistencyProof(read, before.size, tree.size) : []
    if (before && !verifyConsistency(before, tree, proof))
      throw new Refusal('CHECKPOINT_DIFFERS', { size: before.size })
    records.push({ checkpoint: { note, consistency: proof.map(base64) } })
    before = tree
  }
  return records
}

/** A checkpoint of this log. Somebody gave it, so it may be none. */
export function opened({ publicLog: { verifierKey } }: Platform, note: string): TreeCheckpoint {
  try {
    return openCheckpoint(note, verifierKey)
  } catch (error) {
    if (!(error instanceof NoteError)) throw error
    throw new Refusal('INVALID_INPUT', { field: 'checkpoint', problem: 'It is not a checkpoint that this log signed.' })
  }
}
