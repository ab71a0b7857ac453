import type { Sql } from '@stewrd/db/connect.ts'
import { connect, disconnect } from '@stewrd/db/connect.ts'
import type { Access, Accesses } from '@stewrd/db/logins.ts'

/** The connections of a process, by what they are for. */
export type Pools = {
  /** For requests: row-level security shows a statement the project that it names. */
  sql: Sql
  /** For what works on all projects. It alone listens (NOTIFY). */
  worker: Sql
  /** The sign-in library holds a connection for every query: apart, it cannot take the last one of everything else. */
  signIn: Sql
  close(): Promise<void>
}
export type PoolSizes = { main: number; worker: number; signIn: number }

type Options = {
  as: 'server' | 'command'
  /** Connections that this process may hold at most. */
  size: number
  /** Connections that the database allows. */
  limit: number
  onProgress?: (step: string) => void
}

/** What listens (NOTIFY) has one of its own. */
const LISTENING = 1
/** Left to commands beside a server, where the database limits connections. */
const FOR_COMMANDS = 2
/** Verifying reads with four at once, beside what follows the log. */
const FOR_ONE_COMMAND = 7
/** A command waits for a server on the same limit to close what it does not use. */
const WAIT_SECONDS = { server: 4, command: 30 }

/** Opens lazily as many connections as the database allows, and as the operator does. */
export function openPools({ app, worker: works, pooler }: Accesses, { as, size, limit, onProgress }: Options): Pools {
  const sizes = poolSizes(as, size, limit)
  if (as === 'server' && limit < size)
    onProgress?.(
      `The database allows ${limit} connections: pools of ${sizes.main}, ${sizes.worker} and ${sizes.signIn}`,
    )
  const open = ({ target, role }: Access, max: number, name: string) =>
    connect(target, { max, role, waitSeconds: WAIT_SECONDS[as], applicationName: `stewrd ${name}` })
  const sql = open(app, sizes.main, as)
  const worker = open(works, sizes.worker, `${as} worker`)
  const signIn = open(app, sizes.signIn, `${as} sign-in`)
  if (pooler?.mode === 'transaction' && works.pooled) listensToNothing(worker)
  return {
    sql,
    worker,
    signIn,
    close: async () => {
      await Promise.all([disconnect(sql), disconnect(worker), disconnect(signIn)])
    },
  }
}

/** Notifications are hints, and polling does without them. Through such a pooler they reach whoever has the connection by then. */
function listensToNothing(sql: Sql): void {
  sql.listen = () => Promise.reject(new Error('a pooler in transaction mode passes no notifications on')) as never
}

/** How the connections are shared out. Two are the least for `main` and `worker`: some work holds one while it uses another. */
export function poolSizes(as: 'server' | 'command', size: number, limit: number): PoolSizes {
  if (as === 'command')
    return { main: 2, worker: Math.max(2, Math.min(FOR_ONE_COMMAND, size, limit) - LISTENING), signIn: 1 }
  const room = Math.min(size, limit - FOR_COMMANDS)
  const signIn = room >= 14 ? 3 : room >= 8 ? 2 : 1
  // Verifying reads with four at once, beside what follows the log.
  const worker = room >= 18 ? 7 : room >= 14 ? 5 : room >= 8 ? 3 : 2
  return { main: Math.max(2, room - LISTENING - signIn - worker), worker, signIn }
}
