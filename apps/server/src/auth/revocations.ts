import type { Sql } from '@stewrd/db/connect.ts'
import { runWithin } from '@stewrd/db/db-error.ts'
import { LOG_CHANNEL } from '@stewrd/db/sequencer.ts'
import type { Logger } from 'pino'
import { errorFields } from '../kernel/log.ts'
import { RevocationWatch } from './revocation-watch.ts'

/** Tells every node that sessions ended. Carries nothing: each node looks for itself. */
const SESSIONS_CHANNEL = 'stewrd_sessions'
const LOOK_WITHIN_MS = 3_000

export type Revocations = {
  /** By the id of a session. */
  sessions: RevocationWatch
  /** By the hash of an API key. */
  apiKeys: RevocationWatch
  /** Sessions were ended here: streams under them end at once, on every node. */
  sessionsEnded(): Promise<void>
  stop(): void
}

/**
 * What is open under a session or an API key ends within a second of its end: nodes are told, and look for themselves besides, as long as
 * something is open. A database that does not answer revokes nothing.
 */
export function revocations(sql: Sql, log: Logger): Revocations {
  const onError = (error: unknown) => log.warn({ err: errorFields(error) }, 'what was revoked could not be seen')
  const listen = (channel: string, poke: () => void) =>
    sql.listen(channel, poke, poke).then(
      () => {},
      // As through a pooler: looking does.
      () => {},
    )
  const sessions = new RevocationWatch({
    valid: (ids) =>
      runWithin(
        sql<{ key: string }[]>`
          select id as key from auth_sessions where id = any(${[...ids]}::text[]) and expires_at > now()`,
        LOOK_WITHIN_MS,
      ),
    listen: (poke) => listen(SESSIONS_CHANNEL, poke),
    onError,
  })
  const apiKeys = new RevocationWatch({
    valid: (hashes) =>
      runWithin(
        sql<{ key: string }[]>`select hash as key from lookups where hash = any(${[...hashes]}::text[])`,
        LOOK_WITHIN_MS,
      ),
    listen: (poke) => listen(LOG_CHANNEL, poke),
    onError,
  })
  return {
    sessions,
    apiKeys,
    async sessionsEnded() {
      sessions.poke()
      await runWithin(sql`select pg_notify(${SESSIONS_CHANNEL}, '')`, LOOK_WITHIN_MS).catch(onError)
    },
    stop() {
      sessions.stop()
      apiKeys.stop()
    },
  }
}
