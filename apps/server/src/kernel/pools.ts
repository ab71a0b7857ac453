import type { Sql } from '@stewrd/db/connect.ts'
import { connect, disconnect } from '@stewrd/db/connect.ts'

/** The connections of a process, by what they are for. */
export type Pools = {
  sql: Sql
  /** The sign-in library holds a connection for every query: apart, it cannot take the last one of everything else. */
  signIn: Sql
  close(): Promise<void>
}
export type PoolSizes = { main: number; signIn: number }

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
export function openPools(url: string, { as, size, limit, onProgress }: Options): Pools {
  const sizes = poolSizes(as, size, limit)
  if (as === 'server' && limit < size)
    onProgress?.(`The database allows ${limit} connections: pools of ${sizes.main} and ${sizes.signIn}`)
  const waitSeconds = WAIT_SECONDS[as]
  const sql = connect(url, { max: sizes.main, waitSeconds, applicationName: `stewrd ${as}` })
  const signIn = connect(url, { max: sizes.signIn, waitSeconds, applicationName: `stewrd ${as} sign-in` })
  return {
    sql,
    signIn,
    close: async () => {
      await Promise.all([disconnect(sql), disconnect(signIn)])
    },
  }
}

/** How the connections are shared out. Two are the least for `main`: some work holds one while it uses another. */
export function poolSizes(as: 'server' | 'command', size: number, limit: number): PoolSizes {
  if (as === 'command') return { main: Math.max(2, Math.min(FOR_ONE_COMMAND, size, limit) - LISTENING), signIn: 1 }
  const room = Math.min(size, limit - FOR_COMMANDS)
  const signIn = room >= 10 ? 3 : room >= 6 ? 2 : 1
  return { main: Math.max(2, room - LISTENING - signIn), signIn }
}
