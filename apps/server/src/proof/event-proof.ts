import { Refusal } from '@stewrd/core/kernel/errors.ts'
import { checkpointCovering } from '@stewrd/db/log-tree/checkpoints.ts'
import { LogDamaged, readNodes } from '@stewrd/db/log-tree/nodes.ts'
import type { Sql } from '@stewrd/db/connect.ts'
import { sealedElsewhere } from '@stewrd/db/foreign-events.ts'
import type { ProofRow } from '@stewrd/db/log-tree/proof-rows.ts'
import { readProofRows } from '@stewrd/db/log-tree/proof-rows.ts'
import type { Platform } from '../platform.ts'
import { prove } from './prove.ts'
import { BundleRefused } from './refused.ts'
import { opened } from './signed.ts'

/**
 * Whether an event stands in the signed log as it is stored: its chain, leaf and inclusion proof are computed and checked when asked.
 * `checkpoint` is the first that covers it.
 */
export type EventProof =
  | { status: 'signed'; place: number; checkpoint: { size: number; at: number } }
  | { status: 'waiting'; place: number }
  | { status: 'wrong'; place: number; message: string }

export async function eventProof(platform: Platform, place: number): Promise<EventProof> {
  const { sql, worker, dataKeys, accountId } = platform
  const [entry] = await sql`select from log where idx = ${place} and account_id = ${accountId}`
  if (!entry) throw new Refusal('NOT_FOUND', { what: 'event', id: String(place) })
  const covering = await checkpointCovering(sql, place)
  if (!covering) return { status: 'waiting', place }
  try {
    const tree = opened(platform, covering.note)
    const [row] = await readProofRows(sql, accountId, [place])
    await prove(
      { read: (at) => readNodes(sql, at), tree, dataKeys, opens: () => false },
      await asRecorded(worker, row!),
    )
    return { status: 'signed', place, checkpoint: { size: tree.size, at: covering.at } }
  } catch (error) {
    const known = error instanceof BundleRefused || error instanceof LogDamaged || error instanceof Refusal
    if (!known) throw error
    return { status: 'wrong', place, message: error.message }
  }
}

async function asRecorded(sql: Sql, row: ProofRow): Promise<ProofRow> {
  const { account_id: accountId, stream, seq, project_id: projectId, dek_id: dekId } = row
  const under = await sealedElsewhere(sql, { accountId, stream, seq, projectId, dekId })
  return under ? { ...row, project_id: under.projectId } : row
}
