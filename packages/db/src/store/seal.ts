import type { Recorded } from '@stewrd/core/kernel/event.ts'
import type { StreamId } from '@stewrd/core/kernel/execute.ts'
import { chainNext } from '@stewrd/crypto/chain.ts'
import type { DataKey } from '@stewrd/crypto/data-key.ts'
import { headerFrom, sealEvent } from '@stewrd/crypto/envelope.ts'
import { sealSnapshot } from '@stewrd/crypto/snapshot.ts'
import type { DataKeys } from '../data-keys.ts'
import { newId } from '../new-id.ts'
import type { SealedRecord, Unit } from './append.ts'
import type { Accepted } from './judge.ts'
import type { AnyDecider, StreamState } from './stream-state.ts'

export type Sealed = { unit: Unit; after: StreamState; recorded: Recorded[][] }

/** Seals and chains everything that was accepted for one stream, under fresh nonces. Call it again for another attempt. */
export async function sealUnit(
  dataKeys: DataKeys,
  id: StreamId,
  decider: AnyDecider,
  from: StreamState,
  accepted: readonly Accepted[],
  now: number,
): Promise<Sealed> {
  const count = accepted.reduce((sum, a) => sum + a.events.length, 0)
  const key = await dataKeys.current(id.accountId, id.projectId, 'event', count + 1)
  // A clock that was set back must not let a stream's time run backwards.
  const at = Math.max(now, from.at)
  const records: SealedRecord[] = []
  const recorded = accepted.map((one) => sealAccepted(key, id, from, at, one, records))
  const { state } = accepted.at(-1)!.head
  const after = { revision: from.revision + count, chain: records.at(-1)!.chain, state, at }
  const { stateVersion } = decider
  const aad = { ...id, seq: after.revision, stateVersion, dekId: key.id }
  const snapshot = sealSnapshot(key, aad, Buffer.from(JSON.stringify({ at, state }), 'utf8'))
  const unit: Unit = {
    id,
    from: { seq: from.revision, chain: from.chain },
    to: { seq: after.revision, chain: after.chain },
    stateVersion,
    snapshot,
    snapshotDek: key.id,
    records,
    guards: accepted[0]!.job.meta.guards ?? [],
    lookups: accepted.flatMap((a) => a.job.meta.lookups ?? []),
    credits: accepted.flatMap((a) => a.job.meta.credits ?? []),
    limits: accepted[0]!.job.meta.limits,
  }
  return { unit, after, recorded }
}

/** Adds one command's events to `records`; returns them as the caller will see them. */
function sealAccepted(
  key: DataKey,
  id: StreamId,
  from: StreamState,
  at: number,
  { job, events }: Accepted,
  records: SealedRecord[],
): Recorded[] {
  const { commandId, actor } = job.meta
  return events.map((event, n) => {
    const seq = from.revision + records.length + 1
    const { accountId, projectId, stream } = id
    const { type, version } = event
    const aad = { accountId, projectId, stream, seq, eventId: newId(at), type, version, dekId: key.id, at, actor }
    const { envelope, commitment, bound } = sealEvent(key, aad, Buffer.from(JSON.stringify(event.data), 'utf8'))
    const header = { ...aad, commitment, commandId, n, commandMac: job.mac }
    const chain = chainNext(records.at(-1)?.chain ?? from.chain, headerFrom(bound, header), envelope)
    records.push({ header, envelope, chain })
    return { event, accountId, projectId, stream, seq, eventId: aad.eventId, at, actor }
  })
}
