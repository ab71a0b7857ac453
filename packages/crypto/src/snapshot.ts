import { lengthPrefixed } from './bytes.ts'
import type { DataKey } from './data-key.ts'
import { EnvelopeError, open, seal } from './gcm.ts'
import { pad, unpad } from './padding.ts'

/** What a sealed snapshot is bound to: the state of one stream after `seq` events, folded by `stateVersion`. */
export type SnapshotAad = {
  accountId: string
  projectId: string
  stream: string
  seq: number
  stateVersion: number
  dekId: string
}

const FORMAT = 'stewrd/snapshot/v1'
const NO_PREFIX = new Uint8Array(0)

/** Derived data: sealed like an event, but not committed to and not chained. */
export function sealSnapshot(key: DataKey, aad: SnapshotAad, payload: Uint8Array): Buffer {
  checkKey(key, aad)
  return seal(key.key, aadBytes(aad), pad(NO_PREFIX, payload))
}

export function openSnapshot(key: DataKey, aad: SnapshotAad, sealed: Uint8Array): Buffer {
  checkKey(key, aad)
  return unpad(open(key.key, aadBytes(aad), sealed), 0).payload
}

function aadBytes(a: SnapshotAad): Buffer {
  return lengthPrefixed([FORMAT, a.accountId, a.projectId, a.stream, a.seq, a.stateVersion, a.dekId])
}

function checkKey(key: DataKey, aad: SnapshotAad) {
  if (key.purpose !== 'event' || key.id !== aad.dekId) throw new EnvelopeError('WRONG_KEY')
}
