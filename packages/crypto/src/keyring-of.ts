import type { KekRef, KeyProvider } from './keyring.ts'
import { KeyringError, nameOfKek, sameKek } from './keyring.ts'

export type ProviderKind = 'file' | 'pkcs11' | 'awskms'
/** A provider, with what a person calls it: a path, a token, a region. */
export type KeyringMember = { kind: ProviderKind; place: string; provider: KeyProvider }
/** Several providers as one. The first one's primary key is the primary key. */
export type Keyring = KeyProvider & { readonly members: readonly KeyringMember[] }

export function keyringOf(members: readonly [KeyringMember, ...KeyringMember[]]): Keyring {
  const first = members[0].provider
  const holderOf = (kek: KekRef) => members.find(({ provider }) => provider.keys.some((k) => sameKek(k, kek)))
  const refresh = async () => void (await Promise.all(members.map(async ({ provider }) => provider.refresh?.())))
  return {
    members,
    get primary() {
      return first.primary
    },
    get keys() {
      return members.flatMap(({ provider }) => provider.keys)
    },
    wrap: (key, aad) => first.wrap(key, aad),
    async unwrap(kek, wrapped, aad) {
      if (!holderOf(kek)) await refresh()
      const holder = holderOf(kek)
      if (!holder)
        throw new KeyringError(
          'KEK_MISSING',
          `There is no master key ${nameOfKek(kek)} in ${members.map(({ place }) => place).join(', ')}. Restore the keyring that has it, or add that keyring to STEWRD_KEYRING.`,
          kek.id,
        )
      return holder.provider.unwrap(kek, wrapped, aad)
    },
    refresh,
    ...(first.manage && { manage: first.manage }),
  }
}
