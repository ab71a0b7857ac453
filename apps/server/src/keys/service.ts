import type { MasterKey } from '@stewrd/core/keyring/events.ts'
import { Refusal } from '@stewrd/core/kernel/errors.ts'
import type { ProviderKind } from '@stewrd/crypto/keyring-of.ts'
import { nameOfKek, sameKek } from '@stewrd/crypto/keyring.ts'
import { canaryOpens, masterKeyUsage, retireUnused } from '@stewrd/db/master-keys/registry.ts'
import type { KeyCustody } from './custody.ts'
import { alone, findKey, memberWith, record, underWay } from './custody.ts'
import { makeKey } from './rotate-master.ts'

/** A master key with what depends on it. `provider` is null when no provider has it; `problem` says why it does not open. */
export type MasterKeyRow = MasterKey & {
  state: 'primary' | 'unused' | 'open' | 'closed' | 'retired'
  provider: ProviderKind | null
  place: string | null
  values: number
  projects: number
  firstUsedAt: number | null
  problem: string | null
}
export type MasterKeyList = { keys: MasterKeyRow[]; rotation: { from: readonly MasterKey[]; to: MasterKey } | null }

/** Every key that a provider holds or that was ever used, the oldest first. A key that does not open is a row like the others. */
export async function listKeys(custody: KeyCustody): Promise<MasterKeyList> {
  const { worker: sql, keyring } = custody
  await keyring.refresh?.()
  const [used, { rotation }] = await Promise.all([masterKeyUsage(sql), underWay(custody)])
  const unused = keyring.keys.filter((k) => !used.some((u) => sameKek(u, k)))
  const rows = [
    ...used,
    ...unused.map((k) => ({ ...k, status: 'unused' as const, firstUsedAt: null, values: 0, projects: 0 })),
  ]
  const keys = rows.map(async ({ id, version, status, values, projects, firstUsedAt }): Promise<MasterKeyRow> => {
    const kek = { id, version }
    const member = memberWith(keyring, kek)
    const state = sameKek(keyring.primary, kek) ? 'primary' : status
    const problem = state === 'retired' || state === 'unused' ? null : await problemOf(custody, kek)
    const held = { provider: member?.kind ?? null, place: member?.place ?? null }
    return { ...kek, state, ...held, values, projects, firstUsedAt, problem }
  })
  return { keys: await Promise.all(keys), rotation }
}

async function problemOf({ worker: sql, keyring }: KeyCustody, kek: MasterKey): Promise<string | null> {
  const opens = await canaryOpens(sql, keyring, kek)
  return opens instanceof Error ? opens.message : null
}

/** A new key in the first provider, which nothing depends on until a rotation goes to it. */
export const addKey = (custody: KeyCustody, actor: string): Promise<MasterKey> =>
  alone(custody.worker, async () => {
    const key = await makeKey(custody)
    await record(custody, { type: 'AddMasterKey', key, provider: custody.keyring.members[0]!.kind }, actor)
    return key
  })

/** In this order. Whoever dies after one of them retires the key again: each step may be done twice. */
export const retireSteps = ['marked', 'recorded', 'destroyed'] as const
type RetireStep = (typeof retireSteps)[number]

/**
 * Destroys a key that nothing depends on any more. `destroyed` is false where that must be done in the provider. Refused while
 * something depends on it. The database is marked first: from then on nothing can be wrapped under it.
 */
export const retireKey = (
  custody: KeyCustody,
  name: string,
  actor: string,
  onStep: (step: RetireStep) => void = () => {},
): Promise<{ key: MasterKey; destroyed: boolean }> =>
  alone(custody.worker, async () => {
    const { worker: sql, keyring } = custody
    await keyring.refresh?.()
    const used = await masterKeyUsage(sql)
    const key = findKey([...keyring.keys, ...used], name)
    if (sameKek(keyring.primary, key)) throw new Refusal('MASTER_KEY_PRIMARY', { key: key.id })
    const { rotation } = await underWay(custody)
    if (rotation) throw new Refusal('MASTER_KEY_ROTATING', { to: rotation.to.id })
    if (!(await retireUnused(sql, key))) {
      const { values = 0, projects = 0 } = used.find((u) => nameOfKek(u) === nameOfKek(key)) ?? {}
      throw new Refusal('MASTER_KEY_IN_USE', { key: key.id, values, projects })
    }
    onStep('marked')
    await record(custody, { type: 'RetireMasterKey', key }, actor)
    onStep('recorded')
    const holder = memberWith(keyring, key)
    await holder?.provider.manage?.remove(key)
    onStep('destroyed')
    return { key, destroyed: !holder || holder.provider.manage !== undefined }
  })
