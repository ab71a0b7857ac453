import { checkCanary, makeCanary } from '@stewrd/crypto/canary.ts'
import type { KekRef, KeyProvider } from '@stewrd/crypto/keyring.ts'
import { KeyringError, nameOfKek, sameKek } from '@stewrd/crypto/keyring.ts'
import type { Sql } from '../connect.ts'
import { run } from '../db-error.ts'

export type Standing = 'open' | 'closed' | 'retired'
/** A master key with what depends on it, counted now. Times are unix milliseconds. */
export type MasterKeyUsage = KekRef & {
  status: Standing
  firstUsedAt: number
  /** Data keys wrapped under it, and the projects whose they are. */
  values: number
  projects: number
}

/** Enters the provider's primary key, so that data keys may be wrapped under it. Throws KEK_CLOSED when a rotation has left it. */
export async function registerPrimary(sql: Sql, provider: KeyProvider): Promise<void> {
  const kek = provider.primary
  const status = await standingOf(sql, kek)
  if (status === 'open') return
  if (status !== undefined) throw closed(kek, status)
  const { kek: wrappedBy, wrapped } = await makeCanary(provider, kek)
  // Somebody made another key primary at this moment: the next attempt sees that one.
  if (!sameKek(wrappedBy, kek)) return registerPrimary(sql, provider)
  await run(sql`
    insert into master_keys (kek_id, kek_version, canary) values (${kek.id}, ${kek.version}, ${wrapped})
    on conflict do nothing`)
}

/** Lets a key that a rotation once left be used again: the goal of a new rotation. Call it before that key becomes the primary one. */
export async function reopen(sql: Sql, { id, version }: KekRef): Promise<void> {
  await run(sql`
    update master_keys set status = 'open', changed_at = now()
    where kek_id = ${id} and kek_version = ${version} and status <> 'open'`)
}

/** As `reopen`, but never a key that was retired. */
export async function reopenClosed(sql: Sql, kek: KekRef): Promise<void> {
  if ((await standingOf(sql, kek)) === 'closed') await reopen(sql, kek)
}

export async function standingOf(sql: Sql, { id, version }: KekRef): Promise<Standing | undefined> {
  const [row] = await run(sql<{ status: Standing }[]>`
    select status from master_keys where kek_id = ${id} and kek_version = ${version}`)
  return row?.status
}

/** From when this returns nothing new is wrapped under any key but `to`: it waits for those who are about to. */
export async function closeOthers(sql: Sql, to: KekRef): Promise<void> {
  await run(sql`
    insert into master_keys (kek_id, kek_version, status)
    select distinct kek_id, kek_version, 'closed' from data_keys where (kek_id, kek_version) <> (${to.id}, ${to.version}::int)
    on conflict do nothing`)
  await run(sql`
    update master_keys set status = 'closed', changed_at = now()
    where (kek_id, kek_version) <> (${to.id}, ${to.version}::int) and status = 'open'`)
}

/** Marks it as retired if nothing is wrapped under it, which is then so for good. False: something is. */
export async function retireUnused(sql: Sql, { id, version }: KekRef): Promise<boolean> {
  const retired = await run(sql`
    insert into master_keys as m (kek_id, kek_version, status)
    select ${id}, ${version}::int, 'retired'
    where not exists (select from data_keys where kek_id = ${id} and kek_version = ${version}::int)
    on conflict (kek_id, kek_version) do update set status = 'retired', changed_at = now() where m.status <> 'open'
    returning 1`)
  return retired.length > 0
}

/** Every master key that was ever used, the oldest first. */
export async function masterKeyUsage(sql: Sql): Promise<MasterKeyUsage[]> {
  const rows = await run(sql<(Omit<MasterKeyUsage, 'firstUsedAt'> & { firstUsedAt: Date })[]>`
    select coalesce(m.kek_id, d.kek_id) as id, coalesce(m.kek_version, d.kek_version) as version,
      coalesce(m.status, 'open') as status, coalesce(m.first_used_at, d.first_at) as "firstUsedAt",
      coalesce(d.values, 0)::int as values, coalesce(d.projects, 0)::int as projects
    from master_keys m full join (
      select kek_id, kek_version, count(*) as values, min(created_at) as first_at,
        count(distinct scope) filter (where scope <> 'deployment' and scope <> account_id::text) as projects
      from data_keys group by 1, 2
    ) d using (kek_id, kek_version) order by "firstUsedAt", id`)
  return rows.map((row) => ({ ...row, firstUsedAt: row.firstUsedAt.getTime() }))
}

/** Whether the canary of a master key opens; undefined when there is none. */
export async function canaryOpens(
  sql: Sql,
  provider: KeyProvider,
  kek: KekRef,
): Promise<KeyringError | true | undefined> {
  const [row] = await run(sql<{ canary: Buffer | null }[]>`
    select canary from master_keys where kek_id = ${kek.id} and kek_version = ${kek.version}`)
  if (!row?.canary) return undefined
  return checkCanary(provider, kek, row.canary).then(
    () => true as const,
    (error: unknown) => {
      if (error instanceof KeyringError) return error
      throw error
    },
  )
}

const closed = (kek: KekRef, status: Standing) =>
  new KeyringError(
    'KEK_CLOSED',
    `The primary master key ${nameOfKek(kek)} was ${status === 'retired' ? 'retired' : 'rotated away from'}: nothing new may depend on it. Restore the newer keyring, or put it first in STEWRD_KEYRING.`,
    kek.id,
  )
