import type { DataKey, Purpose } from '@stewrd/crypto/data-key.ts'
import type { KekRef, KeyProvider } from '@stewrd/crypto/keyring.ts'
import { KeyringError, nameOfKek } from '@stewrd/crypto/keyring.ts'
import type { Sql } from '../connect.ts'
import { run } from '../db-error.ts'
import type { MasterKeyUsage } from './registry.ts'
import { canaryOpens, masterKeyUsage } from './registry.ts'

/** A stored data key. */
export type DataKeyRow = {
  account_id: string
  id: string
  scope: string
  purpose: Purpose
  epoch: number
  kek_id: string
  kek_version: number
  wrapped: Buffer
  encryptions: number
  created_at: Date
}

/** The keyring does not fit this database: it lacks `kekId`, or has another key of that name. `projects` could not be read. */
export class KeyringMismatch extends Error {
  override readonly name = 'KeyringMismatch'
  readonly kekId: string
  readonly projects: number
  constructor(problems: readonly { kek: KekRef; projects: number; why: string }[]) {
    super(
      problems
        .map(
          ({ kek, projects, why }) =>
            `The data of ${projects} project${projects === 1 ? '' : 's'} depends on the master key ${nameOfKek(kek)}. ${why}`,
        )
        .join('\n'),
    )
    this.kekId = problems[0]!.kek.id
    this.projects = problems[0]!.projects
  }
}

/** So many rows are tried before a key is called wrong: one that was damaged says nothing about the others. */
const TRIES = 20

/** Finds out for every master key in use whether the keyring has it, and whether it is the right one. Throws KeyringMismatch for all that fail. */
export async function checkKeyring(
  sql: Sql,
  provider: KeyProvider,
  open: (row: DataKeyRow) => Promise<DataKey>,
): Promise<void> {
  const inUse = (await masterKeyUsage(sql)).filter(({ values }) => values > 0)
  const problems: { kek: KekRef; projects: number; why: string }[] = []
  for (const kek of inUse) {
    const why = await problemOf(sql, provider, kek, open)
    if (why) problems.push({ kek, projects: kek.projects, why: why.message })
  }
  if (problems.length > 0) throw new KeyringMismatch(problems)
}

/** The canary, or any data key, opens: the key is right. None does: the first reason. */
async function problemOf(
  sql: Sql,
  provider: KeyProvider,
  kek: MasterKeyUsage,
  open: (row: DataKeyRow) => Promise<DataKey>,
): Promise<KeyringError | undefined> {
  const canary = await canaryOpens(sql, provider, kek)
  if (canary === true) return undefined
  if (canary && canary.code !== 'UNWRAP_FAILED') return canary
  const rows = await run(sql<DataKeyRow[]>`
    select * from data_keys where kek_id = ${kek.id} and kek_version = ${kek.version} order by created_at desc limit ${TRIES}`)
  let first = canary
  for (const row of rows)
    try {
      await open(row)
      return undefined
    } catch (error) {
      if (!(error instanceof KeyringError)) throw error
      first ??= error
    }
  return first
}
