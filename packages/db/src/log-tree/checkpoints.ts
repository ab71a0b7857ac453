import type { Sql } from '../connect.ts'
import { run } from '../db-error.ts'
import type { Lease } from '../sequencer.ts'

/** A signed checkpoint, as outsiders get it; `at` is when it was signed, in unix milliseconds. */
export type StoredCheckpoint = { size: number; note: string; at: number }
/** Why nothing is signed. */
export type LogAlarm = { code: string; message: string }
export type TreeState = { size: number; alarm: (LogAlarm & { since: number }) | null }

export async function latestCheckpoint(sql: Sql): Promise<StoredCheckpoint | undefined> {
  const [row] = await run(sql<Row[]>`select size, note, at from checkpoints order by size desc limit 1`)
  return row && stored(row)
}

/** The first checkpoint that covers the log's entry `index`. */
export async function checkpointCovering(sql: Sql, index: number): Promise<StoredCheckpoint | undefined> {
  const [row] = await run(sql<Row[]>`
    select size, note, at from checkpoints where size > ${index} order by size limit 1`)
  return row && stored(row)
}

/**
 * Keeps a checkpoint for readers. The second of the same size changes nothing. One that is stored late was signed before the next larger
 * one. Its time never lies before that of its last entry, or of the checkpoint before it, also when the database's clock is set back.
 * `trusted` false: a clock is off, so these alone count.
 */
export async function storeCheckpoint(
  sql: Sql,
  { size, note, trusted = true }: Pick<StoredCheckpoint, 'size' | 'note'> & { trusted?: boolean },
): Promise<void> {
  await run(sql`
    insert into checkpoints (size, note, at)
    values (${size}, ${note}, coalesce(
      (select at from checkpoints where size > ${size} order by size limit 1),
      greatest(
        case when ${trusted}::boolean then clock_timestamp() end,
        (select at from log where idx = ${size}::bigint - 1),
        (select at from checkpoints where size < ${size} order by size desc limit 1)
      ),
      clock_timestamp()))
    on conflict do nothing`)
}

export async function treeState(sql: Sql): Promise<TreeState> {
  const [row] = await run(sql<{ size: number; alarm: LogAlarm | null; alarm_at: Date | null }[]>`
    select size, alarm, alarm_at from tree_state`)
  const { size, alarm, alarm_at } = row!
  return { size, alarm: alarm && { ...alarm, since: alarm_at?.getTime() ?? 0 } }
}

/** Whether `lease` is still the one under which the log may be signed. */
export async function holdsLease(sql: Sql, { epoch, holder }: Lease): Promise<boolean> {
  const [row] = await run(sql<{ held: boolean }[]>`
    select epoch = ${epoch} and holder = ${holder} and expires_at > clock_timestamp() as held from log_state`)
  return row?.held ?? false
}

/** Shows the alarm to every node and reader, with the moment at which it was first raised; null takes it back. */
export async function setAlarm(sql: Sql, alarm: LogAlarm | null): Promise<void> {
  if (alarm === null) await run(sql`update tree_state set alarm = null, alarm_at = null where alarm is not null`)
  else
    await run(sql`
      update tree_state set alarm = ${sql.json(alarm)},
        alarm_at = case when alarm ->> 'code' = ${alarm.code} then alarm_at else now() end`)
}

type Row = { size: number; note: string; at: Date }
const stored = ({ size, note, at }: Row): StoredCheckpoint => ({ size, note, at: at.getTime() })
