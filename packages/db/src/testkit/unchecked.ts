import { randomBytes, randomUUID } from 'node:crypto'
import type { EventShape } from '@stewrd/core/kernel/event.ts'
import type { StreamId } from '@stewrd/core/kernel/execute.ts'
import type { Sql } from '../connect.ts'
import type { DataKeys } from '../data-keys.ts'
import { append } from '../store/append.ts'
import type { Job } from '../store/job.ts'
import { sealUnit } from '../store/seal.ts'
import type { AnyDecider } from '../store/stream-state.ts'
import { loadStreams } from '../store/stream-state.ts'

/** Appends an event just as it is given, which no command can do: earlier programs recorded text that later ones refuse. */
export async function appendUnchecked(
  { sql, dataKeys }: { sql: Sql; dataKeys: DataKeys },
  decider: unknown,
  id: StreamId,
  event: EventShape,
): Promise<void> {
  const known = decider as AnyDecider
  const [from] = await loadStreams(sql, dataKeys, [{ decider: known, stream: id }])
  const head = { revision: from!.revision + 1, state: known.evolve(from!.state, event) }
  const job = { meta: { commandId: randomUUID(), actor: 'user:test' }, mac: randomBytes(32) } as unknown as Job
  const { unit } = await sealUnit(dataKeys, id, known, from!, [{ job, events: [event], head }], Date.now())
  await append(sql, [unit])
}
