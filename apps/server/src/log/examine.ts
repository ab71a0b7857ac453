import type { Checkpoint } from '@stewrd/crypto/checkpoint.ts'
import { openCheckpoint } from '@stewrd/crypto/checkpoint.ts'
import type { ReadNodes } from '@stewrd/crypto/merkle.ts'
import { consistencyProof, treeRoot } from '@stewrd/crypto/merkle.ts'
import type { TreeHead } from '@stewrd/crypto/merkle-verify.ts'
import { verifyConsistency } from '@stewrd/crypto/merkle-verify.ts'
import { NoteError } from '@stewrd/crypto/signed-note.ts'
import type { LogAlarm } from '@stewrd/db/log-tree/checkpoints.ts'
import { LogDamaged } from '@stewrd/db/log-tree/nodes.ts'

/** A note that was found, and where. */
export type FoundNote = { note: string; where: string }
/** A checkpoint that this log signed, which its tree must go on from. */
export type Witness = Checkpoint & { where: string }

/** The log must not be signed: `code` for programs, the message for whoever has to act. */
export class LogRefused extends Error {
  override readonly name = 'LogRefused'
  readonly code: string
  constructor({ code, message }: LogAlarm) {
    super(message)
    this.code = code
  }
}

/** What a note found somewhere says. Throws LogRefused when it is not one that this log signed. */
export function witnessOf({ note, where }: FoundNote, verifierKey: string): Witness {
  try {
    return { ...openCheckpoint(note, verifierKey), where }
  } catch (error) {
    if (!(error instanceof NoteError)) throw error
    throw new LogRefused({
      code: 'CHECKPOINT_FOREIGN',
      message: `The checkpoint in ${where} was not signed by this log's key, or it was changed. Either it belongs to another installation, or the keys in the database were replaced.`,
    })
  }
}

/** The tree head at `size`, once the tree goes on from every witness. Throws LogRefused when it does not. */
export async function examine(read: ReadNodes, size: number, witnesses: readonly Witness[]): Promise<TreeHead> {
  try {
    const head = { size, root: await treeRoot(read, size) }
    for (const witness of witnesses) await compare(read, witness, head)
    return head
  } catch (error) {
    if (error instanceof LogDamaged) throw new LogRefused({ code: error.code, message: `${error.message} ${edited}` })
    throw error
  }
}

async function compare(read: ReadNodes, witness: Witness, head: TreeHead): Promise<void> {
  if (witness.size > head.size)
    throw new LogRefused({
      code: 'LOG_SHRANK',
      message: `The log has ${head.size} entries, but a checkpoint of ${witness.size} was signed (${witness.where}). ${restored}`,
    })
  const proof = await consistencyProof(read, witness.size, head.size)
  if (verifyConsistency(witness, head, proof)) return
  throw new LogRefused({
    code: 'LOG_REWRITTEN',
    message: `The first ${witness.size} entries of the log are not those that were signed (${witness.where}). ${restored} ${edited}`,
  })
}

const restored =
  'An older backup was restored, or entries were removed. Nothing is signed until the database that goes on from that checkpoint is back.'
const edited = 'Somebody changed the tables behind the program, or they are damaged.'
