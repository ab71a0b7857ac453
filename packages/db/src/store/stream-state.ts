import type { AnyEvent } from '@stewrd/core/catalog.ts'
import type { Decider } from '@stewrd/core/kernel/decider.ts'
import { Refusal } from '@stewrd/core/kernel/errors.ts'
import type { EventShape, Recorded } from '@stewrd/core/kernel/event.ts'
import type { StreamId } from '@stewrd/core/kernel/execute.ts'
import { GENESIS } from '@stewrd/crypto/chain.ts'
import { EnvelopeError } from '@stewrd/crypto/gcm.ts'
import { openSnapshot } from '@stewrd/crypto/snapshot.ts'
import type { Sql } from '../connect.ts'
import type { DataKeys } from '../data-keys.ts'
import { DataKeyMissing } from '../data-keys.ts'
import { runWithin } from '../db-error.ts'
import { scoped, scopeOf, scopeOfStreams } from '../scope.ts'
import type { EventRow } from '../record.ts'
import { eventColumns, openOwn } from '../record.ts'

/** A decider of any noun. The kernel's generics end where commands of many nouns share a statement. */
export type AnyDecider = Decider<unknown, unknown, EventShape>

/**
 * Where a stream stands: enough to decide and to append. `at` is its last event's time. `foreign`: it belongs to another project, so that to
 * whoever asked it is a stream without events, and nothing can be appended to it.
 */
export type StreamState = { revision: number; chain: Buffer; state: unknown; at: number; foreign?: true }
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
  own: boolean
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
  const statement = sql<HeadRow[]>`
    select r.nth, h.seq, h.chain, h.state_version, h.snapshot, h.snapshot_dek, h.project_id is not distinct from r.project_id as own, exists (
      select from shredded_projects s where s.account_id = h.account_id and s.project_id = h.project_id) as shredded
    from unnest(${`{${requests.map((_, i) => i).join(',')}}`}::int[], ${requests.map((r) => r.stream.accountId)}::uuid[],
      ${requests.map((r) => r.stream.stream)}::text[], ${requests.map((r) => r.stream.projectId)}::uuid[]) as r(nth, account_id, stream, project_id)
    left join heads h using (account_id, stream)
    where h.stream is not null or belongs_elsewhere(r.account_id, r.stream, r.project_id)`
  const rows = await runWithin(scoped(statement, scopeOfStreams(requests.map((r) => r.stream))))
  const byNth = new Map(rows.map((row) => [row.nth, row]))
  return Promise.all(requests.map((request, i) => stateOf(sql, dataKeys, request, byNth.get(i))))
}

async function stateOf(
  sql: Sql,
  dataKeys: DataKeys,
  request: StreamRequest,
  row: HeadRow | undefined,
): Promise<StreamState> {
  if (!row) return emptyStream(request.decider)
  if (!row.own) return { ...emptyStream(request.decider), foreign: true }
  if (row.seq === 0) return emptyStream(request.decider)
  if (row.shredded) throw new Refusal('PROJECT_SHREDDED', { projectId: request.stream.projectId })
  const body = await fromSnapshot(dataKeys, request, row)
  if (!body) return refold(sql, dataKeys, request, row)
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
    const key = await dataKeys.byId(stream.accountId, stream.projectId, row.snapshot_dek)
    const aad = { ...stream, seq: row.seq, stateVersion: row.state_version, dekId: key.id }
    return JSON.parse(openSnapshot(key, aad, row.snapshot).toString('utf8')) as SnapshotBody
  } catch (error) {
    if (error instanceof EnvelopeError || error instanceof DataKeyMissing) return undefined
    throw error
  }
}

/** From the stream's own events: one that was recorded under another project changes nothing here, but is a link of the chain. */
async function refold(
  sql: Sql,
  dataKeys: DataKeys,
  { decider, stream }: StreamRequest,
  head: Pick<HeadRow, 'seq' | 'chain'>,
): Promise<StreamState> {
  const recorded = await readStream(sql, dataKeys, stream, { to: head.seq })
  const state = recorded.reduce((before, { event }) => decider.evolve(before, event), decider.initial)
  return { revision: head.seq, chain: head.chain, state, at: recorded.at(-1)?.at ?? 0 }
}

/**
 * The events of a stream after `after` and up to `to`, in order, that were recorded under the project that it belongs to. None when that is
 * another project than the one that asks. Throws what `openRecord` throws.
 */
export async function readStream(
  sql: Sql,
  dataKeys: DataKeys,
  { accountId, projectId, stream }: StreamId,
  { after = 0, to = Number.MAX_SAFE_INTEGER }: { after?: number; to?: number } = {},
): Promise<Recorded<AnyEvent>[]> {
  const statement = sql<EventRow[]>`
    select ${eventColumns(sql)} from events e
    where e.account_id = ${accountId} and e.stream = ${stream} and e.seq > ${after} and e.seq <= ${to}
      and e.project_id = ${projectId} and exists (
        select from heads h where h.account_id = ${accountId} and h.stream = ${stream} and h.project_id = ${projectId})
    order by e.seq`
  const rows = await runWithin(scoped(statement, scopeOf({ accountId, projectId })))
  const recorded = await Promise.all(rows.map((row) => openOwn(dataKeys, row)))
  return recorded.filter((one) => one !== undefined)
}
