import { createSecretKey, randomBytes } from 'node:crypto'
import type { KeyObject } from 'node:crypto'
import { lengthPrefixed } from './bytes.ts'
import type { KekRef, KeyProvider } from './keyring.ts'

/** `event`: events and snapshots. `secret`: provider keys. `deployment`: fingerprints, hashes and other derived keys. */
export type Purpose = 'event' | 'secret' | 'deployment'
/** `key` is made once and kept: encrypting with key bytes is several times slower. */
export type DataKey = { id: string; purpose: Purpose; epoch: number; key: KeyObject }
/** `scope` is a project's id, or `deployment`. Everything here is bound to the wrapped key. */
export type DataKeyRef = { accountId: string; scope: string; purpose: Purpose; epoch: number; id: string }
export type WrappedDataKey = { kek: KekRef; wrapped: Buffer }

/** From here on a data key is retired: a new epoch opens. Random 96-bit nonces are safe far beyond it. */
export const MAX_ENCRYPTIONS = 2 ** 28
/** Never more than this under one key, whatever happened to the retirement. */
export const HARD_MAX_ENCRYPTIONS = 2 ** 32
export const MAX_AGE_MS = 90 * 86_400_000

/** Whether a new epoch is to be opened. Times are unix milliseconds. */
export const dataKeyIsDue = ({ encryptions, createdAt }: { encryptions: number; createdAt: number }, now: number) =>
  encryptions >= MAX_ENCRYPTIONS || now - createdAt >= MAX_AGE_MS

export async function generateDataKey(
  provider: KeyProvider,
  ref: DataKeyRef,
): Promise<WrappedDataKey & { dataKey: DataKey }> {
  const bytes = randomBytes(32)
  const wrapped = await provider.wrap(bytes, wrapAad(ref))
  return { ...wrapped, dataKey: dataKeyOf(ref, bytes) }
}

export async function unwrapDataKey(
  provider: KeyProvider,
  ref: DataKeyRef,
  { kek, wrapped }: WrappedDataKey,
): Promise<DataKey> {
  return dataKeyOf(ref, await provider.unwrap(kek, wrapped, wrapAad(ref)))
}

/** The same data key under the provider's primary master key. No event changes. */
export async function rewrapDataKey(
  provider: KeyProvider,
  ref: DataKeyRef,
  { kek, wrapped }: WrappedDataKey,
): Promise<WrappedDataKey> {
  const bytes = await provider.unwrap(kek, wrapped, wrapAad(ref))
  try {
    return await provider.wrap(bytes, wrapAad(ref))
  } finally {
    bytes.fill(0)
  }
}

function dataKeyOf({ id, purpose, epoch }: DataKeyRef, bytes: Buffer): DataKey {
  const key = createSecretKey(bytes)
  bytes.fill(0)
  return { id, purpose, epoch, key }
}

const wrapAad = (r: DataKeyRef) =>
  lengthPrefixed(['stewrd/data-key/v1', r.accountId, r.scope, r.purpose, r.epoch, r.id])
