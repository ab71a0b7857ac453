import { randomUUID } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { StreamId } from '@stewrd/core/kernel/execute.ts'
import { projectStream } from '@stewrd/core/projects/projects.ts'
import { openKeyringFile } from '@stewrd/crypto/keyring-file.ts'
import { theAccount } from '../accounts.ts'
import type { Sql } from '../connect.ts'
import { connect, disconnect } from '../connect.ts'
import { DataKeys } from '../data-keys.ts'
import { createEventStore } from '../event-store.ts'
import type { EventStore } from '../event-store.ts'
import { createTestDatabase } from '../testing/database.ts'

export type World = {
  url: string
  keyring: string
  accountId: string
  sql: Sql
  /** As what works for all projects: sequencer, projector, verification. */
  worker: Sql
  /** What such work is given. */
  background: { sql: Sql; dataKeys: DataKeys; node: string }
  /** As the owner of the tables, who may do what the app may not. */
  owner: Sql
  dataKeys: DataKeys
  store: EventStore
  /** Another process on the same database: own connections, own memory. */
  another(): { sql: Sql; worker: Sql; dataKeys: DataKeys; store: EventStore }
  project(): StreamId
  close(): Promise<void>
}

/** A database of its own with a keyring and an event store, for one test file. */
export async function createWorld(): Promise<World> {
  const database = await createTestDatabase()
  const home = await mkdtemp(join(tmpdir(), 'stewrd-db-'))
  const keyring = join(home, 'keyring.json')
  const provider = await openKeyringFile(keyring)
  const pools: Sql[] = []
  const pool = (role?: string | null) => {
    const sql = connect(database.url, { max: 5, ...(role === undefined ? {} : { role }) })
    pools.push(sql)
    return sql
  }
  const another = () => {
    const sql = pool()
    const dataKeys = new DataKeys(sql, provider)
    return { sql, worker: pool('stewrd_worker'), dataKeys, store: createEventStore({ sql, dataKeys }) }
  }
  const first = another()
  const { accountId } = await theAccount(first.sql)
  return {
    url: database.url,
    keyring,
    accountId,
    ...first,
    background: { sql: first.worker, dataKeys: first.dataKeys, node: 'test' },
    owner: pool(null),
    another,
    project() {
      const projectId = randomUUID()
      return { accountId, projectId, stream: projectStream(projectId) }
    },
    async close() {
      await Promise.all(pools.map((sql) => disconnect(sql, 1)))
      await database.drop()
      await rm(home, { recursive: true })
    },
  }
}

export const by = (commandId: string = randomUUID()) => ({ commandId, actor: 'user:test' })
