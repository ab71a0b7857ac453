import type { Guard, StreamId } from '@stewrd/core/kernel/execute.ts'
import type { Scope } from '../scope.ts'
import { scopeOfStreams } from '../scope.ts'
import type { Unit } from './append.ts'
import { BinaryRows } from './binary-values.ts'

/** A guard of some units of a statement, by its number there. */
export type NumberedGuard = Guard & Owner & { nth: number }
/** Whose stream is guarded: that of the unit itself. */
type Owner = Pick<StreamId, 'accountId' | 'projectId'>

export const nameOf = ({ accountId, projectId }: Owner, { stream, revision }: Guard) =>
  `${accountId}/${projectId}/${stream}@${revision}`

/** Streams that are written and those that are guarded. */
export function scopeOfUnits(units: readonly Unit[]): Scope {
  return scopeOfStreams(units.flatMap(({ id, guards }) => [id, ...guards.map(({ stream }) => ({ ...id, stream }))]))
}

/** The columns of `append_unit`, in its order. */
export function unitRows(type: number, units: readonly Unit[], guards: readonly NumberedGuard[]): Buffer {
  const nthOf = new Map(guards.map((g) => [nameOf(g, g), g.nth]))
  const rows = new BinaryRows(type, 12, units.length, units.length * 800)
  for (const [nth, u] of units.entries()) {
    rows.row().int(nth).uuid(u.id.accountId).text(u.id.stream).uuid(u.id.projectId)
    rows.bigint(u.to.seq).bytea(u.to.chain).bigint(u.from.seq).bytea(u.from.chain)
    rows.int(u.stateVersion).bytea(u.snapshot).uuid(u.snapshotDek)
    rows.ints(u.guards.map((g) => nthOf.get(nameOf(u.id, g))!))
  }
  return rows.bytes()
}

/** The columns of `append_record`, in its order. */
export function recordRows(type: number, units: readonly Unit[]): Buffer {
  const count = units.reduce((sum, u) => sum + u.records.length, 0)
  const rows = new BinaryRows(type, 14, count, count * 1000)
  for (const [nth, { records }] of units.entries())
    for (const { header: h, envelope, chain } of records) {
      rows.row().int(nth).bigint(h.seq).uuid(h.eventId).text(h.type).int(h.version).uuid(h.dekId).time(h.at)
      rows.text(h.actor).bytea(h.commitment).text(h.commandId).int(h.n).bytea(h.commandMac).bytea(envelope).bytea(chain)
    }
  return rows.bytes()
}
