import { randomBytes } from 'node:crypto'
import postgres from 'postgres'
import { inject } from 'vitest'
import { TEMPLATE } from './global-setup.ts'

export type TestDatabase = { url: string; drop(): Promise<void> }

/** A database of its own, cloned from the migrated template. Call it in `beforeAll`; `drop` it in `afterAll`. */
export async function createTestDatabase(): Promise<TestDatabase> {
  const base = inject('postgresUrl')
  const name = `test_${randomBytes(6).toString('hex')}`
  await admin(base, `create database ${name} template ${TEMPLATE} strategy wal_log`)
  return { url: `${base}/${name}`, drop: () => admin(base, `drop database if exists ${name} with (force)`) }
}

async function admin(base: string, statement: string) {
  const sql = postgres(`${base}/postgres`, { max: 1, onnotice: () => {} })
  try {
    await sql.unsafe(statement)
  } finally {
    await sql.end({ timeout: 5 })
  }
}
