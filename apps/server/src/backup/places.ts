import { randomBytes } from 'node:crypto'
import { chmod, mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect, disconnect } from '@stewrd/db/connect.ts'
import { withDatabase as nameDatabase } from '@stewrd/db/database-url.ts'
import { run } from '@stewrd/db/db-error.ts'
import { startEmbedded } from '@stewrd/db/embedded/embedded.ts'
import { lockHome } from '@stewrd/db/embedded/home.ts'
import type { Env } from '../env.ts'
import type { RestoreInto } from './restore.ts'

/** The database as it is: beside a running server, or started for as long as it takes. */
export async function withDatabase<T>(env: Env, work: (url: string) => Promise<T>): Promise<T> {
  const outside = ownerUrlOf(env)
  if (outside !== undefined) return work(outside)
  const postgres = await startEmbedded({ home: env.home, as: 'command' })
  try {
    return await work(postgres.url)
  } finally {
    await postgres.stop({ smart: true })
  }
}

/** The deployment itself, which nobody else may be using. Throws HomeInUseError. */
export async function withEmptyHome<T>(env: Env, work: (into: RestoreInto) => Promise<T>): Promise<T> {
  await using used = new AsyncDisposableStack()
  const lock = await lockHome(env.home)
  used.defer(() => lock.release())
  return await work({ env, database: () => databaseOf(env, used) })
}

/** A backup is read, and a restore written, by who owns the tables. */
const ownerUrlOf = ({ databaseUrl, databaseOwnerUrl }: Env) => databaseOwnerUrl ?? databaseUrl

async function databaseOf(env: Env, used: AsyncDisposableStack): Promise<string> {
  const outside = ownerUrlOf(env)
  if (outside !== undefined) return outside
  const postgres = await startEmbedded({ home: env.home, as: 'server' })
  used.defer(() => postgres.stop())
  return postgres.url
}

/** A home and a database that are gone afterwards: a database of the same server, or else a Postgres of its own. Nothing is announced from it. */
export async function withScratch<T>(real: Env, work: (into: RestoreInto) => Promise<T>): Promise<T> {
  await using used = new AsyncDisposableStack()
  const home = await mkdtemp(join(tmpdir(), 'stewrd-drill-'))
  await chmod(home, 0o700)
  used.defer(() => removeHome(home))
  const { anchorWebhook: _, databaseUrl: __, databaseOwnerUrl: ___, ...rest } = real
  const databaseUrl = ownerUrlOf(real)
  const env: Env = { ...rest, home, anchorDir: join(home, 'log', 'anchors') }
  const database = databaseUrl === undefined ? () => databaseOf(env, used) : () => scratchDatabase(databaseUrl, used)
  return await work({ env, database, ownKeyring: join(home, 'keyring.json') })
}

async function scratchDatabase(server: string, used: AsyncDisposableStack): Promise<string> {
  const name = `stewrd_drill_${randomBytes(6).toString('hex')}`
  await once(server, `create database ${name} template template0`)
  used.defer(() => once(server, `drop database if exists ${name} with (force)`))
  return nameDatabase(server, name)
}

async function once(url: string, statement: string): Promise<void> {
  const sql = connect(url, { max: 1, role: null, applicationName: 'stewrd-drill' })
  try {
    await run(sql.unsafe(statement))
  } finally {
    await disconnect(sql)
  }
}

/** With its database, where Postgres had to keep that elsewhere. */
async function removeHome(home: string): Promise<void> {
  const elsewhere = await readFile(join(home, 'postgres', 'location'), 'utf8').catch(() => undefined)
  if (elsewhere) await rm(elsewhere.trim(), { recursive: true, force: true, maxRetries: 5 })
  await rm(home, { recursive: true, force: true, maxRetries: 5 })
}
