import { readFacts } from '@stewrd/db/check-database.ts'
import type { Access } from '@stewrd/db/logins.ts'
import type { Platform } from '../platform.ts'

/** Who this process is in its database, and what is in between. */
export type DatabaseHealth = {
  /** As Postgres names it, such as `18.4`. */
  version: string
  encoding: string
  /** Logins of requests and of background work; with the role where they could leave it again. */
  login: string
  workerLogin: string
  pooler: 'session' | 'transaction' | null
  /** Why the logins are not the server's own, and what to do. */
  advice: string | null
}

export async function databaseHealth({ sql, access }: Platform): Promise<DatabaseHealth> {
  const { version, encoding } = await readFacts(sql)
  return {
    version,
    encoding,
    login: loginOf(access.app),
    workerLogin: loginOf(access.worker),
    pooler: access.pooler?.mode ?? null,
    advice: access.advice ?? null,
  }
}

const loginOf = ({ target, role }: Access) => (role === null ? target.user : `${target.user} in the role ${role}`)

/** Two diagnoses of `doctor`. */
export async function databaseDiagnoses(
  platform: Platform,
): Promise<{ check: string; ok: boolean; found: string; mend?: string }[]> {
  const { version, encoding, login, workerLogin, pooler, advice } = await databaseHealth(platform)
  const way = pooler ? `through a connection pooler in ${pooler} mode` : 'connected directly'
  const found = `requests sign in as ${login}, background work as ${workerLogin}`
  return [
    { check: 'database', ok: true, found: `Postgres ${version}, encoding ${encoding}, ${way}` },
    { check: 'database logins', ok: advice === null, found, ...(advice !== null && { mend: advice }) },
  ]
}
