import type { Secret } from '@stewrd/crypto/secret.ts'
import type { Sql } from '@stewrd/db/connect.ts'
import { runWithin } from '@stewrd/db/db-error.ts'

/** How long a password that was entered counts as fresh, in seconds. */
export const FRESH_SECONDS = 5 * 60

export type FreshPassword = {
  /** Whether the password of this session's person was entered a moment ago, by the database's clock. False for a session that has ended. */
  isFresh(sessionId: string): Promise<boolean>
  /** Makes it fresh if `password` is right. Returns whether it is. */
  confirm(session: { id: string; userId: string }, password: Secret): Promise<boolean>
}

type Options = { sql: Sql; verify(password: { hash: string; password: string }): Promise<boolean> }

export const freshPassword = ({ sql, verify }: Options): FreshPassword => ({
  async isFresh(sessionId) {
    const rows = await runWithin(sql`
      select from auth_sessions
      where id = ${sessionId} and expires_at > now() and verified_at > now() - make_interval(secs => ${FRESH_SECONDS})`)
    return rows.length > 0
  },
  async confirm({ id, userId }, password) {
    const [account] = await runWithin(sql<{ password: string | null }[]>`
      select password from auth_accounts where user_id = ${userId} and provider_id = 'credential'`)
    if (!account?.password || !(await verify({ hash: account.password, password: password.reveal() }))) return false
    // Not when the password was changed, or the session ended, while it was looked at.
    const confirmed = await runWithin(sql`
      update auth_sessions s set verified_at = now() from auth_accounts a
      where s.id = ${id} and a.user_id = s.user_id and a.provider_id = 'credential' and a.password = ${account.password}
      returning s.id`)
    return confirmed.length > 0
  },
})
