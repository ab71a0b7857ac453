import type { DataKeyRef, Purpose } from '@stewrd/crypto/data-key.ts'
import { rewrapDataKey } from '@stewrd/crypto/data-key.ts'
import type { KekRef, KeyProvider } from '@stewrd/crypto/keyring.ts'
import { KeyringError, nameOfKek, sameKek } from '@stewrd/crypto/keyring.ts'
import type { Sql } from '../connect.ts'
import { run } from '../db-error.ts'
import { hexArray, plainArray } from '../sql-array.ts'

/** A data key that its master key does not open: it stays as it is, and is shown. */
export type DamagedDataKey = { accountId: string; scope: string; id: string; kek: KekRef; code: KeyringError['code'] }
export type RewrapProgress = { done: number; total: number; damaged: readonly DamagedDataKey[] }

type Row = {
  account_id: string
  id: string
  scope: string
  purpose: Purpose
  epoch: number
  kek_id: string
  kek_version: number
  wrapped: Buffer
}

// One statement's locks last for a few milliseconds; a token or a cloud is asked for this many at a time.
const BATCH = 64

/**
 * Wraps every data key that is under another master key under `to`, the provider's primary one. Each row is swapped only if it is
 * still what was read, so that two who do this at once, or one who died in the middle, lose nothing. Yields after each batch.
 */
export async function* rewrapAll(sql: Sql, provider: KeyProvider, to: KekRef): AsyncGenerator<RewrapProgress> {
  const total = await countElsewhere(sql, to)
  const damaged: DamagedDataKey[] = []
  let done = 0
  let after: Pick<Row, 'account_id' | 'id'> | undefined
  for (;;) {
    const rows = await readBatch(sql, to, after)
    after = rows.at(-1)
    if (!after) return
    const swaps = await Promise.all(rows.map((row) => rewrapped(provider, row, to)))
    damaged.push(...swaps.filter((s) => 'code' in s))
    done += await swap(
      sql,
      swaps.filter((s) => 'wrapped' in s),
      to,
    )
    yield { done, total: Math.max(total, done), damaged }
  }
}

/** How many data keys are under another master key than `to`. */
export async function countElsewhere(sql: Sql, to: KekRef): Promise<number> {
  const [row] = await run(sql<{ count: number }[]>`
    select count(*) from data_keys where (kek_id, kek_version) <> (${to.id}, ${to.version}::int)`)
  return row!.count
}

export async function countUnder(sql: Sql, { id, version }: KekRef): Promise<number> {
  const [row] = await run(sql<{ count: number }[]>`
    select count(*) from data_keys where kek_id = ${id} and kek_version = ${version}`)
  return row!.count
}

const readBatch = (sql: Sql, to: KekRef, after: Pick<Row, 'account_id' | 'id'> | undefined) =>
  run(sql<Row[]>`
    select account_id, id, scope, purpose, epoch, kek_id, kek_version, wrapped from data_keys
    where (kek_id, kek_version) <> (${to.id}, ${to.version}::int)
      ${after === undefined ? sql`` : sql`and (account_id, id) > (${after.account_id}, ${after.id})`}
    order by account_id, id limit ${BATCH}`)

async function rewrapped(
  provider: KeyProvider,
  row: Row,
  to: KekRef,
): Promise<{ row: Row; wrapped: Buffer } | DamagedDataKey> {
  const { account_id: accountId, id, scope, purpose, epoch, wrapped } = row
  const ref: DataKeyRef = { accountId, scope, purpose, epoch, id }
  const from = { id: row.kek_id, version: row.kek_version }
  try {
    const again = await rewrapDataKey(provider, ref, { kek: from, wrapped })
    if (!sameKek(again.kek, to)) throw new PrimaryMoved(to, again.kek)
    return { row, wrapped: again.wrapped }
  } catch (error) {
    if (!(error instanceof KeyringError) || error.code === 'KEYRING_UNAVAILABLE') throw error
    return { accountId, scope, id, kek: from, code: error.code }
  }
}

/** Somebody made another key primary in the middle of a rotation. Nothing is lost: rotate again. */
class PrimaryMoved extends Error {
  override readonly name = 'PrimaryMoved'
  constructor(to: KekRef, primary: KekRef) {
    super(`the primary master key was ${nameOfKek(to)} and is now ${nameOfKek(primary)}`)
  }
}

async function swap(sql: Sql, swaps: readonly { row: Row; wrapped: Buffer }[], to: KekRef): Promise<number> {
  if (swaps.length === 0) return 0
  const rows = swaps.map((s) => s.row)
  const swapped = await run(sql`
    update data_keys d set kek_id = ${to.id}, kek_version = ${to.version}, wrapped = decode(s.wrapped, 'hex'),
      former_keks = d.former_keks || (d.kek_id || '/' || d.kek_version)
    from unnest(${plainArray(rows.map((r) => r.account_id))}::uuid[], ${plainArray(rows.map((r) => r.id))}::uuid[],
      ${hexArray(rows.map((r) => r.wrapped))}::text[], ${hexArray(swaps.map((s) => s.wrapped))}::text[])
      as s(account_id, id, was, wrapped)
    where d.account_id = s.account_id and d.id = s.id and d.wrapped = decode(s.was, 'hex')
      and (d.kek_id, d.kek_version) <> (${to.id}, ${to.version}::int)`)
  return swapped.count
}
