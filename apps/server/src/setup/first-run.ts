import { createHash, randomBytes } from 'node:crypto'
import { Secret } from '@stewrd/crypto/secret.ts'
import type { Sql } from 'postgres'
import type { Auth } from '../auth/auth.ts'

export type Setup = {
  ownerExists(): Promise<boolean>
  /** A token for the link that `start` prints; those of earlier starts stop working. */
  newToken(): Promise<Secret>
  /** Makes the owner if the token is the newest and nobody has used it; otherwise undefined. */
  createOwner(token: string, owner: { name: string; email: string; password: Secret }): Promise<string | undefined>
}

/** The one-time way to the owner's account. Only a hash of the token is stored; every start draws another. */
export function firstRun(sql: Sql, auth: Pick<Auth, 'ownerExists' | 'createOwner'>): Setup {
  return {
    ownerExists: () => auth.ownerExists(),
    async newToken() {
      const token = new Secret(randomBytes(24).toString('base64url'))
      await sql`
        insert into auth_setup (one, token_hash) values (true, ${hashOf(token.reveal())})
        on conflict (one) do update set token_hash = excluded.token_hash, made_at = now()`
      return token
    },
    async createOwner(token, owner) {
      if (await auth.ownerExists()) return undefined
      // Taken before the account is made: of two that come at once, one finds nothing.
      const taken = await sql`delete from auth_setup where token_hash = ${hashOf(token)} returning one`
      if (taken.length === 0) return undefined
      try {
        return (await auth.createOwner(owner)).userId
      } catch (error) {
        await sql`insert into auth_setup (one, token_hash) values (true, ${hashOf(token)}) on conflict do nothing`
        throw error
      }
    },
  }
}

const hashOf = (token: string) => createHash('sha256').update(token).digest()
