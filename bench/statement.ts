import { randomUUID } from 'node:crypto'
import type { StreamId } from '@stewrd/core/kernel/execute.ts'
import { projects } from '@stewrd/core/projects/projects.ts'
import type { Unit } from '@stewrd/db/store/append.ts'
import { append } from '@stewrd/db/store/append.ts'
import { judgeAll } from '@stewrd/db/store/judge.ts'
import { sealUnit } from '@stewrd/db/store/seal.ts'
import type { StreamState } from '@stewrd/db/store/stream-state.ts'
import { loadStreams } from '@stewrd/db/store/stream-state.ts'
import type { Bed } from './bed.ts'

/** As many as `Appender` has on their way at once. */
const STATEMENTS = 2
const ROUNDS = 200

/**
 * Events a second that the statement of an append writes for `streams`, when all were decided and sealed before: what is left
 * for an append whatever deciding and sealing take.
 */
export async function statementRate(bed: Bed, streams: readonly StreamId[]): Promise<number> {
  const rounds = await sealedRounds(bed, streams)
  const each = Math.ceil(streams.length / STATEMENTS)
  const began = performance.now()
  await Promise.all(
    Array.from({ length: STATEMENTS }, async (_, part) => {
      for (const units of rounds) await write(bed, units.slice(part * each, (part + 1) * each))
    }),
  )
  return ((rounds.length * streams.length) / (performance.now() - began)) * 1000
}

async function write({ sql }: Bed, units: readonly Unit[]): Promise<void> {
  const { failures } = await append(sql, units)
  if (failures.size > 0) throw new Error(`${failures.size} streams had another head than was sealed for.`)
}

/** One event more for each stream, `ROUNDS` times. */
async function sealedRounds({ sql, dataKeys }: Bed, streams: readonly StreamId[]): Promise<Unit[][]> {
  const inOrder = streams.toSorted((a, b) => (a.stream < b.stream ? -1 : 1))
  let states = await loadStreams(
    sql,
    dataKeys,
    inOrder.map((stream) => ({ decider: projects, stream })),
  )
  const rounds: Unit[][] = []
  while (rounds.length < ROUNDS) {
    const sealed = await Promise.all(inOrder.map((id, i) => sealRename({ dataKeys }, id, states[i]!)))
    rounds.push(sealed.map(({ unit }) => unit))
    states = sealed.map(({ after }) => after)
  }
  return rounds
}

const sealRename = async ({ dataKeys }: Pick<Bed, 'dataKeys'>, id: StreamId, from: StreamState) => {
  const job = {
    id,
    decider: projects,
    command: { type: 'RenameProject', name: randomUUID() },
    meta: { commandId: randomUUID(), actor: 'user:bench' },
    mac: Buffer.alloc(32, 1),
    settle() {},
    fail() {},
    conflicts: 0,
    outages: 0,
    since: 0,
    check: false,
    checked: false,
    verdict: undefined,
    sent: [],
  }
  const { accepted } = judgeAll([job], from)
  return sealUnit(dataKeys, id, projects, from, accepted, Date.now())
}
