import type { Sql } from '../connect.ts'
import { run } from '../db-error.ts'
import type { Verified } from './verify.ts'

/** A verification that was carried out. `at`: when it ended, in unix milliseconds. `actor`: who asked for it. */
export type Verification = Verified & { at: number; actor: string }

export async function lastVerification(sql: Sql): Promise<Verification | undefined> {
  const [row] = await run(sql<{ result: Verification }[]>`select result from verification`)
  return row?.result
}

/** Keeps it for everybody who asks; the last one counts. */
export async function keepVerification(sql: Sql, done: Verification): Promise<void> {
  await run(sql`
    insert into verification (at, result) values (${new Date(done.at)}, ${sql.json(done)})
    on conflict (one) do update set at = excluded.at, result = excluded.result where verification.at <= excluded.at`)
}
