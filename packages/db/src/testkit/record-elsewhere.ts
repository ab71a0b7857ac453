import { randomUUID } from 'node:crypto'
import type { Decider } from '@stewrd/core/kernel/decider.ts'
import type { EventShape } from '@stewrd/core/kernel/event.ts'
import type { StreamId } from '@stewrd/core/kernel/execute.ts'
import type { Sql } from '../connect.ts'
import type { DataKeys } from '../data-keys.ts'
import type { Unit } from '../store/append.ts'
import { sealUnit } from '../store/seal.ts'
import { loadStreams } from '../store/stream-state.ts'

export type Deps = { sql: Sql; dataKeys: DataKeys }

/** A command for `stream`, decided and sealed under another project, as a unit of a statement that appends. */
export async function sealedElsewhere<State, Command, Event extends EventShape>(
  { sql, dataKeys }: Deps,
  decider: Decider<State, Command, Event>,
  stream: StreamId,
  command: Command,
  projectId: string,
): Promise<Unit> {
  const [from] = await loadStreams(sql, dataKeys, [{ decider, stream }])
  const events = decider.decide(command, from!.state as State)
  const state = events.reduce(decider.evolve, from!.state as State)
  const meta = { commandId: randomUUID(), actor: 'user:test' }
  const job = { meta, mac: Buffer.alloc(32, 7) } as never
  const accepted = { job, events, head: { revision: from!.revision + events.length, state } }
  const id = { ...stream, projectId }
  const { unit } = await sealUnit(dataKeys, id, decider, from!, [accepted], Date.now())
  return unit
}

/**
 * Writes what appends wrote before they looked at the project of a stream. `alone`: the row of the event names the project of the command;
 * `together`, in a statement for several streams: that of the stream, while the event was sealed and hashed under that of the command.
 */
export async function recordElsewhere(sql: Sql, unit: Unit, owner: string, how: 'alone' | 'together'): Promise<void> {
  const { id, to, from, stateVersion, snapshot, snapshotDek, records } = unit
  await sql.begin(async (tx) => {
    await tx`
      update heads set seq = ${to.seq}, chain = ${to.chain}, from_seq = ${from.seq}, from_chain = ${from.chain},
        state_version = ${stateVersion}, snapshot = ${snapshot}, snapshot_dek = ${snapshotDek}
      where account_id = ${id.accountId} and stream = ${id.stream} and project_id = ${owner} and seq = ${from.seq}`
    for (const { header: h, envelope, chain } of records) {
      await tx`
        insert into events (account_id, stream, project_id, seq, event_id, type, version, dek_id, at, actor,
          commitment, command_id, n, command_mac, envelope, chain)
        values (${h.accountId}, ${h.stream}, ${how === 'alone' ? h.projectId : owner}, ${h.seq}, ${h.eventId}, ${h.type}, ${h.version},
          ${h.dekId}, ${new Date(h.at)}, ${h.actor}, ${h.commitment}, ${h.commandId}, ${h.n}, ${h.commandMac}, ${envelope}, ${chain})`
      await tx`insert into outbox (account_id, stream, seq) values (${h.accountId}, ${h.stream}, ${h.seq})`
    }
  })
}
