import type { AnyEvent } from '@stewrd/core/catalog.ts'
import { readEvent } from '@stewrd/core/catalog.ts'
import { Refusal } from '@stewrd/core/kernel/errors.ts'
import type { Logged, Recorded } from '@stewrd/core/kernel/event.ts'
import { StoreUnavailable } from '@stewrd/core/kernel/execute.ts'
import type { Disclosure, EventHeader } from '@stewrd/crypto/envelope.ts'
import { discloseEvent, openEvent } from '@stewrd/crypto/envelope.ts'
import { EnvelopeError } from '@stewrd/crypto/gcm.ts'
import { KeyringError } from '@stewrd/crypto/keyring.ts'
import type { Sql, Tx } from './connect.ts'
import type { DataKeys } from './data-keys.ts'
import { DataKeyMissing } from './data-keys.ts'
import { DbError } from './db-error.ts'

/** An event as it is stored; see `eventColumns`. */
export type EventRow = {
  account_id: string
  stream: string
  seq: number
  project_id: string
  event_id: string
  type: string
  version: number
  dek_id: string
  at: Date
  actor: string
  commitment: Buffer
  command_id: string
  n: number
  command_mac: Buffer
  envelope: Buffer
  chain: Buffer
  /** Its project was shredded: it must not be opened, whatever key somebody still holds. */
  shredded: boolean
}
export type LoggedRow = EventRow & { idx: number }

export type UnreadableCode =
  | EnvelopeError['code']
  | KeyringError['code']
  | 'DATA_KEY_MISSING'
  | 'CHAIN_BROKEN'
  | 'EVENT_UNKNOWN'
  | 'SHREDDED'

/** An event that is there but cannot be read, and why. Its metadata stands; its data is null. */
export type Unreadable = Omit<Logged, 'event'> & {
  event: { type: string; version: number; data: null }
  unreadable: UnreadableCode
}
/** A place in the log: an event, or what is wrong with it. */
export type Entry = (Logged<AnyEvent> & { unreadable?: undefined }) | Unreadable

/** Whether the project of an event `e` was shredded. */
export const SHREDDED = `
  exists (select from shredded_projects s where s.account_id = e.account_id and s.project_id = e.project_id)`

/** All columns of an event, and whether its project was shredded, for a query that names events `e`. */
export const eventColumns = (sql: Sql | Tx) => sql`
  e.account_id, e.stream, e.seq, e.project_id, e.event_id, e.type, e.version, e.dek_id, e.at, e.actor,
  e.commitment, e.command_id, e.n, e.command_mac, e.envelope, e.chain,
  ${sql.unsafe(SHREDDED)} as shredded`

/** The header that the chain and the envelope are bound to. */
export const headerOf = (row: EventRow): EventHeader => ({
  accountId: row.account_id,
  projectId: row.project_id,
  stream: row.stream,
  seq: row.seq,
  eventId: row.event_id,
  type: row.type,
  version: row.version,
  dekId: row.dek_id,
  at: row.at.getTime(),
  actor: row.actor,
  commitment: row.commitment,
  commandId: row.command_id,
  n: row.n,
  commandMac: row.command_mac,
})

/**
 * Decrypts an event. Throws what `unreadableCode` names. An event whose row names another project than it was sealed under comes with the
 * project that it was sealed under (see `sealedElsewhere`).
 */
export async function openRecord(dataKeys: DataKeys, row: EventRow): Promise<Recorded<AnyEvent>> {
  try {
    return await openAs(dataKeys, row)
  } catch (error) {
    const other = await sealedElsewhere(dataKeys, row, error)
    if (!other) throw error
    return openAs(dataKeys, other)
  }
}

/** The same for an event of the project in its row; undefined when it was sealed under another. */
export async function openOwn(dataKeys: DataKeys, row: EventRow): Promise<Recorded<AnyEvent> | undefined> {
  try {
    return await openAs(dataKeys, row)
  } catch (error) {
    if (await sealedElsewhere(dataKeys, row, error)) return undefined
    throw error
  }
}

async function openAs(dataKeys: DataKeys, row: EventRow): Promise<Recorded<AnyEvent>> {
  if (row.shredded) throw new Refusal('PROJECT_SHREDDED', { projectId: row.project_id })
  const key = await dataKeys.byId(row.account_id, row.project_id, row.dek_id)
  const payload = openEvent(key, headerOf(row), row)
  const stored = { type: row.type, version: row.version, data: JSON.parse(payload.toString('utf8')) as unknown }
  const event = readEvent(stored)
  if (!event) throw new Refusal('EVENT_UNKNOWN', { type: row.type, version: row.version })
  return { event, ...metaOf(row) }
}

/**
 * The event as it was sealed, if that was under another project than the one in its row. Appends did not look at the project of a stream
 * once: a statement for several streams then wrote the project of the stream beside what was sealed and hashed under that of the command.
 * `error` is why it did not open as it stands.
 */
async function sealedElsewhere(dataKeys: DataKeys, row: EventRow, error: unknown): Promise<EventRow | undefined> {
  if (!(error instanceof EnvelopeError || error instanceof DataKeyMissing)) return undefined
  const owner = await dataKeys.ownerOf(row.account_id, row.dek_id)
  if (!owner || owner.scope === row.project_id) return undefined
  return { ...row, project_id: owner.scope, shredded: owner.shredded }
}

/** A place in the log with its event, or with the reason why that cannot be read. Outages are thrown. */
export async function openEntry(dataKeys: DataKeys, row: LoggedRow): Promise<Entry> {
  try {
    return { ...(await openRecord(dataKeys, row)), index: row.idx }
  } catch (error) {
    return unreadableEntry(row, unreadableCode(error))
  }
}

/** An event that does not follow from the one before it in its stream: one of the two is not what was appended. */
export const brokenEntry = (row: LoggedRow): Entry => unreadableEntry(row, 'CHAIN_BROKEN')

const unreadableEntry = (row: LoggedRow, unreadable: UnreadableCode): Unreadable => ({
  event: { type: row.type, version: row.version, data: null },
  ...metaOf(row),
  index: row.idx,
  unreadable,
})

/** What an event may be shown with; undefined when it cannot be opened. Outages are thrown. */
export async function discloseRow(dataKeys: DataKeys, row: EventRow): Promise<Disclosure | undefined> {
  if (row.shredded) return undefined
  try {
    return discloseEvent(await dataKeys.byId(row.account_id, row.project_id, row.dek_id), headerOf(row), row)
  } catch (error) {
    unreadableCode(error)
    return undefined
  }
}

function unreadableCode(error: unknown): UnreadableCode {
  if (error instanceof StoreUnavailable || error instanceof DbError) throw error
  if (error instanceof KeyringError && error.code === 'KEYRING_UNAVAILABLE') throw error
  if (error instanceof DataKeyMissing) return 'DATA_KEY_MISSING'
  if (error instanceof Refusal && error.code === 'EVENT_UNKNOWN') return 'EVENT_UNKNOWN'
  if (error instanceof Refusal && error.code === 'PROJECT_SHREDDED') return 'SHREDDED'
  if (error instanceof EnvelopeError || error instanceof KeyringError) return error.code
  throw error
}

const metaOf = (row: EventRow) => ({
  accountId: row.account_id,
  projectId: row.project_id,
  stream: row.stream,
  seq: row.seq,
  eventId: row.event_id,
  at: row.at.getTime(),
  actor: row.actor,
})
