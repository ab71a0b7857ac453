import { DatabaseUnfit } from './check-database.ts'
import type { Sql } from './connect.ts'
import { connect, disconnect } from './connect.ts'
import type { DatabaseTarget } from './database-url.ts'
import { run } from './db-error.ts'

/** What a connection pooler between here and the database does: in `transaction` mode nothing of a session stays from one to the next. */
export type Pooler = { mode: 'session' | 'transaction' }

/**
 * Finds out whether the connections of this place are a pooler's. Throws `DatabaseUnfit` for one that hands a prepared statement to a connection
 * that does not have it: statements would fail at random, or answer with rows of another one.
 */
export async function findPooler(target: DatabaseTarget): Promise<Pooler | undefined> {
  const [one, other] = [open(target), open(target)]
  try {
    const first = await askServer(one)
    if (first.direct) return undefined
    const mode = (await sharesConnections(one, other, first.process)) ? 'transaction' : 'session'
    if (mode === 'transaction' && first.passesNames) throw new DatabaseUnfit(UNPREPARED)
    return { mode }
  } finally {
    await Promise.all([disconnect(one, 1), disconnect(other, 1)])
  }
}

const open = (target: DatabaseTarget) =>
  connect(target, { max: 1, role: null, waitSeconds: 30, applicationName: 'stewrd-check' })

const UNPREPARED =
  'DATABASE_URL leads to a connection pooler in transaction mode that does not keep prepared statements (PgBouncer before 1.21, or with max_prepared_statements = 0). ' +
  'Use PgBouncer 1.21 or later and set max_prepared_statements = 200, or set pool_mode = session.'

/** A pooler invents the process number that it greets with; one that keeps prepared statements also renames them. */
async function askServer(sql: Sql): Promise<{ process: number; direct: boolean; passesNames: boolean }> {
  const rows = await run(sql<{ process: number; names: string[] }[]>`
    select pg_backend_pid() as process, array(select name::text from pg_prepared_statements) as names`)
  const { process, names } = rows[0]!
  const { state, statement } = rows as unknown as { state: { pid: number }; statement: { name: string } }
  return { process, direct: state.pid === process, passesNames: names.includes(statement.name) }
}

const ROUNDS = 6

/** Whether two clients in turn are ever served by one connection, or one client by two. */
async function sharesConnections(one: Sql, other: Sql, first: number): Promise<boolean> {
  const processOf = async (sql: Sql) =>
    (await run(sql.unsafe<{ process: number }[]>('select pg_backend_pid() as process')))[0]!.process
  for (let round = 0; round < ROUNDS; round++) {
    const [theirs, mine] = [await processOf(other), await processOf(one)]
    if (theirs === first || mine !== first) return true
  }
  return false
}
