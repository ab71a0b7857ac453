import type { KeyObject } from 'node:crypto'
import { randomBytes } from 'node:crypto'
import { Refusal } from '@stewrd/core/kernel/errors.ts'
import { uuidv7 } from '@stewrd/core/kernel/ids.ts'
import type { DataKey, DataKeyRef, Purpose } from '@stewrd/crypto/data-key.ts'
import { dataKeyIsDue, generateDataKey, HARD_MAX_ENCRYPTIONS, unwrapDataKey } from '@stewrd/crypto/data-key.ts'
import type { KeyProvider } from '@stewrd/crypto/keyring.ts'
import { sameKek } from '@stewrd/crypto/keyring.ts'
import { deriveKey } from '@stewrd/crypto/mac.ts'
import { machineTime } from './clock.ts'
import type { Sql } from './connect.ts'
import { run, runWithin } from './db-error.ts'
import type { DataKeyRow } from './master-keys/check.ts'
import { checkKeyring } from './master-keys/check.ts'
import { registerPrimary, reopenClosed } from './master-keys/registry.ts'
import { scoped, scopeOf, wholeAccount } from './scope.ts'

/** Encryptions are reserved in the database before they happen, this many at a time: a crash loses at most these. */
const BLOCK = 4096
/** Keys of the deployment itself belong to no account. */
const NO_ACCOUNT = '00000000-0000-0000-0000-000000000000'
const DEPLOYMENT = 'deployment'
/** So long may a server go on with an epoch that another one has closed. */
const CHECK_AGAIN_MS = 30_000

type Row = DataKeyRow
type Scope = { accountId: string; scope: string; purpose: Purpose }
type Current = { dataKey: DataKey; createdAt: number; reserved: number; left: number; checkedAt: number }

/** `scope` is the id of the project; `shredded`: that project was. */
export type KeyOwner = { scope: string; shredded: boolean }

/** How the deployment's own key is named where it is wrapped. */
export const deploymentKeyRef = (id: string, epoch: number): DataKeyRef => ({
  accountId: NO_ACCOUNT,
  scope: DEPLOYMENT,
  purpose: 'deployment',
  epoch,
  id,
})

const rowsOf = (accountId: string, scope: string) => scopeOf({ accountId, projectId: scope })
const nameOf = (accountId: string, scope: string, id: string) => `${accountId}/${scope}/${id}`

/** A stored data key names no row. */
export class DataKeyMissing extends Error {
  override readonly name = 'DataKeyMissing'
  readonly id: string
  constructor(id: string) {
    super(`there is no data key ${id}`)
    this.id = id
  }
}

/** Data keys: unwrapped once and kept, a new epoch when one is due. */
export class DataKeys {
  readonly #db: { sql: Sql }
  readonly #provider: KeyProvider
  readonly #now: () => number
  readonly #byId = new Map<string, Promise<DataKey>>()
  readonly #current = new Map<string, Current>()
  readonly #refills = new Map<string, Promise<void>>()
  readonly #derived = new Map<string, Promise<KeyObject>>()

  constructor(sql: Sql, provider: KeyProvider, { now = machineTime }: { now?: () => number } = {}) {
    this.#db = { sql }
    this.#provider = provider
    this.#now = now
  }

  /** The key to encrypt with now, `uses` times. */
  async current(accountId: string, scope: string, purpose: Purpose, uses = 1): Promise<DataKey> {
    const name = `${accountId}/${scope}/${purpose}`
    for (;;) {
      const current = this.#current.get(name)
      if (current && current.left >= uses && !this.#isDue(current)) {
        current.left -= uses
        this.#checkAgain(name, { accountId, scope, purpose }, current)
        return current.dataKey
      }
      await this.#refill(name, { accountId, scope, purpose }, uses)
    }
  }

  /** A key that something of `scope` was encrypted with. Throws DataKeyMissing, or KeyringError when it does not open. */
  byId(accountId: string, scope: string, id: string): Promise<DataKey> {
    const name = nameOf(accountId, scope, id)
    const known = this.#byId.get(name)
    if (known) return known
    const loading = this.#load(accountId, scope, id)
    this.#byId.set(name, loading)
    loading.then(
      // What opens a provider key may be destroyed on any node: none keeps it in memory.
      ({ purpose }) => purpose === 'secret' && this.#byId.delete(name),
      () => this.#byId.delete(name),
    )
    return loading
  }

  /** Whose key it is or was, also when it is destroyed. Undefined for a key that there never was. */
  async ownerOf(accountId: string, id: string): Promise<KeyOwner | undefined> {
    const statement = this.#db.sql<KeyOwner[]>`
      select scope, exists (
        select from shredded_projects s where s.account_id = ${accountId} and s.project_id::text = scope) as shredded
      from (
        select scope from data_keys where account_id = ${accountId} and id = ${id}
        union all select scope from destroyed_data_keys where account_id = ${accountId} and id = ${id}
      ) k`
    const [row] = await runWithin(scoped(statement, wholeAccount(accountId)))
    return row
  }

  /** A key for one value alone, which is destroyed with it: nobody's current key. */
  async fresh(accountId: string, scope: string): Promise<DataKey> {
    for (;;) {
      const made = await this.#create({ accountId, scope, purpose: 'secret' }, undefined, { alone: true })
      if (made) return made
    }
  }

  /** Destroys a `secret` key and all that was sealed under it. False while it must wait: a shared one is closed for some minutes first. */
  async destroy(accountId: string, id: string): Promise<boolean> {
    await run(this.#db.sql`select destroy_secret_key(${accountId}, ${id})`)
    // Whose it was, only its row knew.
    for (const name of this.#byId.keys()) if (name.endsWith(`/${id}`)) this.#byId.delete(name)
    const left = this.#db.sql`select from data_keys where account_id = ${accountId} and id = ${id}`
    return (await runWithin(scoped(left, wholeAccount(accountId)))).length === 0
  }

  /** A key of its own for each use that the deployment makes of it: `fingerprint`, `command`, `api-key`, … */
  deploymentKey(label: string): Promise<KeyObject> {
    const known = this.#derived.get(label)
    if (known) return known
    const derived = this.current(NO_ACCOUNT, DEPLOYMENT, 'deployment').then((root) => deriveKey(root, label))
    this.#derived.set(label, derived)
    derived.catch(() => this.#derived.delete(label))
    return derived
  }

  /**
   * Opens a canary under every master key in use, and enters the primary one. Throws KeyringMismatch, or KeyringError. `reopens`: the primary
   * key may be one that a rotation left, because somebody has put it first on purpose. `sql`: of a login that sees every data key.
   */
  async checkKeyring(sql: Sql, { reopens = false }: { reopens?: boolean } = {}): Promise<void> {
    await checkKeyring(sql, this.#provider, (row) => this.#unwrap(row))
    if (reopens) await reopenClosed(sql, this.#provider.primary)
    await registerPrimary(sql, this.#provider)
  }

  /** Opens epochs until `epoch` is the current one; nothing when it is already, or a later one. Returns the current epoch. */
  async advance(accountId: string, scope: string, purpose: 'event' | 'secret', epoch: number): Promise<number> {
    const key = { accountId, scope, purpose }
    for (;;) {
      const row = await this.#currentRow(key)
      if (row && row.epoch >= epoch) return row.epoch
      await this.#create(key, row)
      this.#current.delete(`${accountId}/${scope}/${purpose}`)
    }
  }

  /** The epoch that is encrypted under now; 0 before the first. */
  async epoch(accountId: string, scope: string, purpose: 'event' | 'secret'): Promise<number> {
    return (await this.#currentRow({ accountId, scope, purpose }))?.epoch ?? 0
  }

  /** Takes every key out of memory: some of them are destroyed. The others are unwrapped again as they are needed. */
  forget(): void {
    this.#byId.clear()
    this.#current.clear()
    this.#derived.clear()
  }

  async #currentRow({ accountId, scope, purpose }: Scope): Promise<Row | undefined> {
    const statement = this.#db.sql<Row[]>`
      select * from data_keys
      where account_id = ${accountId} and scope = ${scope} and purpose = ${purpose} and retired_at is null`
    const [row] = await runWithin(scoped(statement, rowsOf(accountId, scope)))
    return row
  }

  /** In the background, now and then: another server may have opened a new epoch. */
  #checkAgain(name: string, { accountId, scope }: Scope, current: Current): void {
    if (current.dataKey.purpose === 'deployment' || this.#now() - current.checkedAt < CHECK_AGAIN_MS) return
    current.checkedAt = this.#now()
    const { id } = current.dataKey
    const asked = this.#db
      .sql`select from data_keys where account_id = ${accountId} and id = ${id} and retired_at is null`
    run(scoped(asked, rowsOf(accountId, scope))).then(
      (rows) => {
        if (rows.length === 0 && this.#current.get(name) === current) this.#current.delete(name)
      },
      () => {}, // The next use asks again soon enough.
    )
  }

  #isDue({ reserved, createdAt, dataKey }: Current): boolean {
    // What the deployment derives from its key must stay the same for ever.
    if (dataKey.purpose === 'deployment') return false
    return dataKeyIsDue({ encryptions: reserved, createdAt }, this.#now())
  }

  #refill(name: string, scope: Scope, uses: number): Promise<void> {
    const running = this.#refills.get(name)
    if (running) return running
    const refill = this.#reserve(name, scope, Math.max(BLOCK, uses)).finally(() => this.#refills.delete(name))
    this.#refills.set(name, refill)
    return refill
  }

  async #reserve(name: string, scope: Scope, block: number): Promise<void> {
    const { accountId, purpose } = scope
    const statement = this.#db.sql<Row[]>`
      update data_keys set encryptions = encryptions + ${purpose === 'deployment' ? 0 : block}
      where account_id = ${accountId} and scope = ${scope.scope} and purpose = ${purpose} and retired_at is null
      returning *`
    const [row] = await runWithin(scoped(statement, rowsOf(accountId, scope.scope)))
    if (!row) return void (await this.#create(scope, undefined))
    const reserved = row.encryptions - block
    const current = {
      dataKey: await this.#kept(row),
      createdAt: row.created_at.getTime(),
      reserved,
      left: block,
      checkedAt: this.#now(),
    }
    if (this.#isDue(current)) return void (await this.#create(scope, row))
    if (purpose !== 'deployment' && row.encryptions > HARD_MAX_ENCRYPTIONS)
      throw new RangeError(`the data key ${row.id} is used up`)
    if (purpose === 'deployment') current.left = Number.POSITIVE_INFINITY
    this.#current.set(name, current)
  }

  /** Opens the next epoch, unless somebody else does at the same moment: whoever comes second reads the first one's. */
  async #create(scope: Scope, before: Row | undefined, { alone = false } = {}): Promise<DataKey | undefined> {
    const id = uuidv7(this.#now(), randomBytes(10))
    const ref: DataKeyRef = { ...scope, id, epoch: (await this.#lastEpoch(scope)) + 1 }
    const { kek, wrapped, dataKey } = await generateDataKey(this.#provider, ref)
    const createdAt = new Date(this.#now())
    // The share lock on the master key's row lasts as long as the statement: a rotation that closes the key comes before or after.
    const statement = this.#db.sql<{ open: boolean; made: boolean; shredded: boolean }[]>`
      with master as materialized (
        select 1 from master_keys where kek_id = ${kek.id} and kek_version = ${kek.version}::int and status = 'open' for share
      ), retired as (
        update data_keys set retired_at = now()
        where account_id = ${ref.accountId} and id = ${before?.id ?? null} and retired_at is null
          and exists (select from master) returning id
      ), made as (
        insert into data_keys (account_id, id, scope, purpose, epoch, kek_id, kek_version, wrapped, created_at, retired_at)
        select ${ref.accountId}::uuid, ${id}::uuid, ${ref.scope}, ${ref.purpose}, ${ref.epoch}::int,
          ${kek.id}, ${kek.version}::int, ${wrapped}::bytea, ${createdAt}::timestamptz,
          ${alone ? createdAt : null}::timestamptz
        from master
        where (${before === undefined}::boolean or exists (select from retired))
          and not exists (select from shredded_projects where account_id = ${ref.accountId} and project_id::text = ${ref.scope})
        on conflict do nothing returning id
      )
      select exists (select from master) as open, exists (select from made) as made, exists (
        select from shredded_projects where account_id = ${ref.accountId} and project_id::text = ${ref.scope}) as shredded`
    const [row] = await runWithin(scoped(statement, rowsOf(ref.accountId, ref.scope)))
    if (row!.shredded) throw new Refusal('PROJECT_SHREDDED', { projectId: ref.scope })
    if (row!.made) return dataKey
    if (row!.open) return undefined
    // A first use, or a rotation that this process has not heard of.
    await this.#provider.refresh?.()
    if (sameKek(this.#provider.primary, kek)) await registerPrimary(this.#db.sql, this.#provider)
    return undefined
  }

  /** Of all, also those that were never anybody's current key. */
  async #lastEpoch({ accountId, scope, purpose }: Scope): Promise<number> {
    const statement = this.#db.sql<{ epoch: number }[]>`
      select coalesce(max(epoch), 0) as epoch from data_keys
      where account_id = ${accountId} and scope = ${scope} and purpose = ${purpose}`
    const [row] = await runWithin(scoped(statement, rowsOf(accountId, scope)))
    return row!.epoch
  }

  async #load(accountId: string, scope: string, id: string): Promise<DataKey> {
    const statement = this.#db.sql<Row[]>`
      select * from data_keys where account_id = ${accountId} and scope = ${scope} and id = ${id}`
    const [row] = await runWithin(scoped(statement, rowsOf(accountId, scope)))
    if (!row) throw new DataKeyMissing(id)
    return this.#unwrap(row)
  }

  /** The key of a row that was just read, unwrapped at most once. */
  #kept(row: Row): Promise<DataKey> {
    const name = nameOf(row.account_id, row.scope, row.id)
    const known = this.#byId.get(name)
    if (known) return known
    const unwrapping = this.#unwrap(row)
    this.#byId.set(name, unwrapping)
    unwrapping.catch(() => this.#byId.delete(name))
    return unwrapping
  }

  #unwrap(row: Row): Promise<DataKey> {
    const { id, scope, purpose, epoch, wrapped } = row
    const ref = { accountId: row.account_id, scope, purpose, epoch, id }
    return unwrapDataKey(this.#provider, ref, { kek: { id: row.kek_id, version: row.kek_version }, wrapped })
  }
}
