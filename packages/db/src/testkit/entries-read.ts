import type { Sql } from '../connect.ts'

/** Entries of a table's indexes that were read so far. `one`: a pool of one connection, the one that reads. */
export async function entriesRead(one: Sql, table: string): Promise<number> {
  await one`select pg_stat_force_next_flush()`
  const [row] = await one<{ read: number }[]>`
    select sum(idx_tup_read)::int as read from pg_stat_user_indexes where relname = ${table}`
  return row!.read
}
