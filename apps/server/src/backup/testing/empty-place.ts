import { randomBytes } from 'node:crypto'
import { cp, mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect, disconnect } from '@stewrd/db/connect.ts'
import { inject, onTestFinished } from 'vitest'
import type { Env } from '../../env.ts'
import { readEnv } from '../../env.ts'

export type EmptyPlace = {
  env: Env
  home: string
  url: string
  /** Names of its tables and of the files in its home: empty as long as nothing was restored. */
  contents(): Promise<string[]>
}

/** A database without tables and an empty home, gone after the test. With `keyring`, a copy of that file is in it. */
export async function emptyPlace({
  keyring,
  variables = {},
}: {
  keyring?: string
  variables?: NodeJS.ProcessEnv
} = {}): Promise<EmptyPlace> {
  const base = inject('postgresUrl')
  const name = `restored_${randomBytes(6).toString('hex')}`
  await admin(base, `create database ${name} template template0`)
  const home = await mkdtemp(join(tmpdir(), 'stewrd-restored-'))
  onTestFinished(async () => {
    await admin(base, `drop database if exists ${name} with (force)`)
    await rm(home, { recursive: true, force: true })
  })
  if (keyring) await cp(keyring, join(home, 'keyring.json'))
  const url = `${base}/${name}`
  const env = readEnv({ DATABASE_URL: url, STEWRD_HOME: home, NODE_ENV: 'test', ...variables })
  return { env, home, url, contents: () => contentsOf(url, home) }
}

async function contentsOf(url: string, home: string): Promise<string[]> {
  const sql = connect(url, { max: 1, role: null })
  const tables = await sql<
    { name: string }[]
  >`select relname as name from pg_class where relnamespace = 'public'::regnamespace`
  await disconnect(sql)
  const files = (await readdir(home, { recursive: true })).filter(
    (f) => !f.startsWith('keyring') && !f.startsWith('server.'),
  )
  return [...tables.map((t) => t.name), ...files]
}

async function admin(base: string, statement: string): Promise<void> {
  const sql = connect(`${base}/postgres`, { max: 1, role: null })
  await sql.unsafe(statement)
  await disconnect(sql)
}
