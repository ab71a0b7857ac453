import { lengthPrefixed } from './bytes.ts'
import { sha256 } from './digest.ts'
import type { AsBytes } from './envelope.ts'

/** The event at a place of the log: `chain` binds everything in its stream up to it. */
export type LogLeaf = { accountId: string; stream: string; seq: number; chain: Uint8Array }

export const LEAF_BYTES = 32
export const LEAF_FORMAT = 'stewrd/log-leaf/v1'

/**
 * The entry of the public log for an event: 32 bytes that bind it and tell nothing about it, as `chain` is a hash of random
 * ciphertext. docs/formats/log.md.
 */
export const leafData = ({ accountId, stream, seq, chain }: AsBytes<LogLeaf>): Buffer =>
  sha256(lengthPrefixed([LEAF_FORMAT, accountId, stream, seq, chain]))
