import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import postgres from 'postgres'
import type { TestProject } from 'vitest/node'
import { startEmbedded } from '../embedded/embedded.ts'
import { migrate } from '../migrate.ts'

declare module 'vitest' {
  export interface ProvidedContext {
    /** The server of this test run, for the owner role, without a database name. */
    postgresUrl: string
  }
}

// What Node compiled once is there for every process after it, as with `pnpm start` and `pnpm stewrd`: the tests start some hundreds.
process.env.NODE_COMPILE_CACHE ??= new URL('../../../../node_modules/.cache/node', import.meta.url).pathname

export const TEMPLATE = 'stewrd_template'

/** One real Postgres for the whole test run, with a migrated template that each file clones. It dies with the run. */
export default async function setup(project: TestProject) {
  const home = await mkdtemp(join(tmpdir(), 'stewrd-test-'))
  const pg = await startEmbedded({
    home,
    as: 'server',
    settings: { fsync: 'off', full_page_writes: 'off', max_connections: '300' },
  })
  const base = pg.url.replace(/\/stewrd$/, '')
  const sql = postgres(`${base}/postgres`, { max: 1, onnotice: () => {} })
  await sql.unsafe(`create database ${TEMPLATE}`)
  await migrate(`${base}/${TEMPLATE}`)
  await sql.unsafe(`alter database ${TEMPLATE} with allow_connections false is_template true`)
  await sql.end({ timeout: 5 })
  project.provide('postgresUrl', base)
  return async () => {
    await pg.stop()
    await rm(home, { recursive: true, force: true })
  }
}
