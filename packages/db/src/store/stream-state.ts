import type { Decider } from '@stewrd/core/kernel/decider.ts'
import { Refusal } from '@stewrd/core/kernel/errors.ts'
import type { EventShape } from '@stewrd/core/kernel/event.ts'
import type { StreamId } from '@stewrd/core/kernel/execute.ts'
import { GENESIS } from '@stewrd/crypto/chain.ts'
import { EnvelopeError } from '@stewrd/crypto/gcm.ts'
import { openSnapshot } from '@stewrd/crypto/snapshot.ts'
import type { Sql } from '../connect.ts'
import type { DataKeys } from '../data-keys.ts'
import { runWithin } from '../db-error.ts'
import type { EventRow } from '../record.ts'
import { eventColumns, openRecord } from '../record.ts'

/** A decider of any noun. The kernel's generics end where commands of many nouns share a statement. */
export type AnyDecider = Decider<unknown, unknown, EventShape>

/** Where a stream stands: enough to decide and to append. `at` is its last event's time. */
export type StreamState = { revision: number; chain: Buffer; state: unknown; at: number }
/** What a snapshot holds besides its binding. */
export type SnapshotBody = { at: number; state: unknown }

export type StreamRequest = { decider: AnyDecider; stream: StreamId }

type HeadRow = {
  nth: number
  seq: number
  chain: Buffer
  state_version: number
  snapshot: Buffer | null
  snapshot_dek: string | null
  shredded: boolean
}

export const emptyStream = (decider: AnyDecider): StreamState => ({
  revision: 0,
  chain: GENESIS,
  state: decider.initial,
  at: 0,
})

/** The states of several streams in one round trip, plus one for each whose snapshot is of another version. */
export async function loadStreams(
  sql: Sql,
  dataKeys: DataKeys,
  requests: readonly StreamRequest[],
): Promise<StreamState[]> {
  const rows = await runWithin(sql<HeadRow[]>`
    select r.nth, h.seq, h.chain, h.state_version, h.snapshot, h.snapshot_dek, exists (
      select from shredded_projects s where s.account_id = h.account_id and s.project_id = h.project_id) as shredded
    from unnest(${`{${requests.map((_, i) => i).join(',')}}`}::int[], ${requests.map((r) => r.stream.accountId)}::uuid[],
      ${requests.map((r) => r.stream.stream)}::text[]) as r(nth, account_id, stream)
    join heads h using (account_id, stream)`)
  const byNth = new Map(rows.map((row) => [row.nth, row]))
  return Promise.all(requests.map((request, i) => stateOf(sql, dataKeys, request, byNth.get(i))))
}

async function stateOf(
  sql: Sql,
  dataKeys: DataKeys,
  request: StreamRequest,
  row: HeadRow | undefined,
): Promise<StreamState> {
  if (!row || row.seq === 0) return emptyStream(request.decider)
  if (row.shredded) throw new Refusal('PROJECT_SHREDDED', { projectId: request.stream.projectId })
  const body = await fromSnapshot(dataKeys, request, row)
  if (!body) return refold(sql, dataKeys, request)
  return { revision: row.seq, chain: row.chain, ...body }
}

/** Undefined when the snapshot is of another version or cannot be read: it is derived, and the events still stand. */
async function fromSnapshot(
  dataKeys: DataKeys,
  { decider, stream }: StreamRequest,
  row: HeadRow,
): Promise<SnapshotBody | undefined> {
  if (row.state_version !== decider.stateVersion || !row.snapshot || !row.snapshot_dek) return undefined
  try {
    const key = await dataKeys.byId(stream.accountId, row.snapshot_dek)
    const aad = { ...stream, seq: row.seq, stateVersion: row.state_version, dekId: key.id }
    return JSON.parse(openSnapshot(key, aad, row.snapshot).toString('utf8')) as SnapshotBody
  } catch (error) {
    if (error instanceof EnvelopeError) return undefined
    throw error
  }
}

async function refold(sql: Sql, dataKeys: DataKeys, { decider, stream }: StreamRequest): Promise<StreamState> {
  const rows = await readRows(sql, stream, 0)
  let state = decider.initial
  for (const row of rows) state = decider.evolve(state, (await openRecord(dataKeys, row)).event)
  const last = rows.at(-1)
  return last ? { revision: last.seq, chain: last.chain, state, at: last.at.getTime() } : emptyStream(decider)
}

/** The stored events of a stream after `after`, in order. */
export const readRows = (sql: Sql, { accountId, stream }: StreamId, after: number) =>
  runWithin(sql<EventRow[]>`
    select ${eventColumns(sql)} from events e
    where e.account_id = ${accountId} and e.stream = ${stream} and e.seq > ${after} order by e.seq`)
