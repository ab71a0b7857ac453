import type { Sql } from '../connect.ts'
import { runWithin } from '../db-error.ts'

type RowTypes = { unit: number; record: number }

const known = new WeakMap<Sql, Promise<RowTypes>>()

/** The oids of `append_unit` and `append_record`, which each database gives its own: asked for once by each pool. */
export function rowTypes(sql: Sql): Promise<RowTypes> {
  const before = known.get(sql)
  if (before) return before
  const asked = ask(sql)
  known.set(sql, asked)
  asked.catch(() => known.delete(sql))
  return asked
}

/** What an append fails with when a type is another one now: the database was made anew behind the pool's back. Nothing was written. */
export const TYPE_MISMATCH = '42804'

export const forgetRowTypes = (sql: Sql): boolean => known.delete(sql)

async function ask(sql: Sql): Promise<RowTypes> {
  const [row] = await runWithin(sql<[RowTypes]>`
    select 'append_unit'::regtype::oid::int as unit, 'append_record'::regtype::oid::int as record`)
  return row
}
