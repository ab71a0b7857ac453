import { randomUUID } from 'node:crypto'
import type { KeyringCommand } from '@stewrd/core/keyring/commands.ts'
import type { MasterKey } from '@stewrd/core/keyring/events.ts'
import { keyring, keyringStream } from '@stewrd/core/keyring/keyring.ts'
import { Refusal } from '@stewrd/core/kernel/errors.ts'
import type { Keyring } from '@stewrd/crypto/keyring-of.ts'
import type { KekRef } from '@stewrd/crypto/keyring.ts'
import { nameOfKek } from '@stewrd/crypto/keyring.ts'
import type { Sql } from '@stewrd/db/connect.ts'
import type { DataKeys } from '@stewrd/db/data-keys.ts'
import type { EventStore } from '@stewrd/db/event-store.ts'
import type { Nodes } from '../system/nodes.ts'

/** What changes of master keys work with. A `Platform` is one. */
export type KeyCustody = {
  worker: Sql
  store: EventStore
  keyring: Keyring
  dataKeys: DataKeys
  nodes: Pick<Nodes, 'without'>
  accountId: string
}

const LOCK = 7_364_112

/** One at a time, of all processes on this database; refused with KEYRING_BUSY. The lock ends with the process, however that ends. */
export async function alone<T>(sql: Sql, work: () => Promise<T>): Promise<T> {
  // A transaction keeps its connection, through a pooler too.
  const done = await sql.begin(async (tx) => {
    const [row] = await tx<{ mine: boolean }[]>`select pg_try_advisory_xact_lock(${LOCK}) as mine`
    if (!row!.mine) throw new Refusal('KEYRING_BUSY', {})
    return { value: await work() }
  })
  return done.value
}

export async function underWay({ store, accountId }: Pick<KeyCustody, 'store' | 'accountId'>) {
  return (await store.head(keyring, keyringStream(accountId))).state
}

/** Every step is decided again from the state it finds, so a repeated one records nothing twice. */
export const record = ({ store, accountId }: KeyCustody, command: KeyringCommand, actor: string) =>
  store.execute(keyring, keyringStream(accountId), command, { commandId: randomUUID(), actor })

/** Without the version where a name is all that is known. Refused with MASTER_KEY_UNKNOWN. */
export function findKey(keys: readonly KekRef[], name: string): MasterKey {
  const found = keys.find((k) => nameOfKek(k) === name) ?? keys.findLast((k) => k.id === name)
  if (!found) throw new Refusal('MASTER_KEY_UNKNOWN', { key: name })
  return { id: found.id, version: found.version }
}

export const memberWith = ({ members }: Keyring, kek: KekRef) =>
  members.find(({ provider }) => provider.keys.some((k) => nameOfKek(k) === nameOfKek(kek)))
