import { hash } from 'node:crypto'
import { lengthPrefixed } from './bytes.ts'
import type { AsBytes } from './envelope.ts'

/** The event at a place of the log: `chain` binds everything in its stream up to it. */
export type LogLeaf = { accountId: string; stream: string; seq: number; chain: Uint8Array }

export const LEAF_BYTES = 32

/**
 * The entry of the public log for an event: 32 bytes that bind it and tell nothing about it, as `chain` is a hash of random
 * ciphertext. docs/formats/log.md.
 */
export const leafData = ({ accountId, stream, seq, chain }: AsBytes<LogLeaf>): Buffer =>
  hash('sha256', lengthPrefixed(['stewrd/log-leaf/v1', accountId, stream, seq, chain]), 'buffer')
