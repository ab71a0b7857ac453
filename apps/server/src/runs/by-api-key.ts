import type { Author } from '@stewrd/core/kernel/execute.ts'
import { GuardMoved } from '@stewrd/core/kernel/execute.ts'
import { ContractError } from './contract-error.ts'
import type { Credential, Credentials } from './credentials.ts'

const TRIES = 8

export const authorOf = ({ keyId, guards }: Pick<Credential, 'keyId' | 'guards'>): Author => ({
  actor: `api-key:${keyId}`,
  guards,
})

/**
 * Appends on behalf of an API key. `append` passes the author on to the store, so that its statement holds only while the key does: what
 * this node remembers may be stale. If something has moved, the key is looked up again and `append` is called again. Throws 401
 * `invalid_api_key` for a key that was revoked meanwhile.
 */
export async function appendByApiKey<T>(
  credentials: Pick<Credentials, 'of'>,
  authorization: string | undefined,
  append: (author: Author, credential: Credential) => Promise<T>,
): Promise<T> {
  for (let tries = 0; tries < TRIES; tries++) {
    const credential = await credentials.of(authorization, { reload: tries > 0 })
    try {
      return await append(authorOf(credential), credential)
    } catch (error) {
      if (!(error instanceof GuardMoved)) throw error
    }
  }
  throw new ContractError('service_unavailable', 'The configuration of this project changes too fast. Try again.', {
    retryAfter: 1,
  })
}
