import type { TreeHead } from '@stewrd/crypto/merkle-verify.ts'
import type { ReadNodes } from '@stewrd/crypto/merkle.ts'
import { inclusionProof } from '@stewrd/crypto/merkle.ts'
import type { DataKeys } from '@stewrd/db/data-keys.ts'
import type { ProofRow } from '@stewrd/db/log-tree/proof-rows.ts'
import { discloseRow, headerOf } from '@stewrd/db/record.ts'
import { checkEvent } from './check-event.ts'
import type { Event } from './format.ts'
import { eventRecord } from './write.ts'

export type Prover = {
  read: ReadNodes
  tree: TreeHead
  dataKeys: DataKeys
  /** Which payloads are opened. One that cannot be opened stays sealed. */
  opens(row: ProofRow): boolean
}

/** The event with its proof, checked as whoever gets it will. Throws BundleRefused for an event that the log does not have so. */
export async function prove({ read, tree, dataKeys, opens }: Prover, row: ProofRow): Promise<Event> {
  const [proof, disclosed] = await Promise.all([
    inclusionProof(read, row.idx, tree.size),
    opens(row) ? discloseRow(dataKeys, row) : undefined,
  ])
  const { idx: index, envelope, previous } = row
  const record = eventRecord({ index, header: headerOf(row), envelope, previous, proof, disclosed })
  checkEvent(record, tree)
  return record
}
