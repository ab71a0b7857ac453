import { lengthPrefixed } from './bytes.ts'
import type { KekRef, KeyProvider } from './keyring.ts'
import { KeyringError, nameOfKek } from './keyring.ts'

/** Known bytes that are not secret: what matters is whether a master key opens them. */
const CANARY = Buffer.alloc(32, 'stewrd/canary/v1')

/** A value wrapped under the provider's primary key, to find out later whether a key of that name is still the same. */
export const makeCanary = (provider: KeyProvider, kek: KekRef) => provider.wrap(CANARY, aadOf(kek))

/** Throws KEK_MISSING, UNWRAP_FAILED or KEYRING_UNAVAILABLE. */
export async function checkCanary(provider: KeyProvider, kek: KekRef, canary: Buffer): Promise<void> {
  const opened = await provider.unwrap(kek, canary, aadOf(kek))
  if (!opened.equals(CANARY))
    throw new KeyringError('UNWRAP_FAILED', `The master key ${nameOfKek(kek)} opens its canary to other bytes.`, kek.id)
}

const aadOf = ({ id, version }: KekRef) => lengthPrefixed(['stewrd/canary/v1', id, version])
