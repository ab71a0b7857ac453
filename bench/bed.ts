import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openKeyringFile } from '@stewrd/crypto/keyring-file.ts'
import { theAccount } from '@stewrd/db/accounts.ts'
import type { Sql } from '@stewrd/db/connect.ts'
import { connect, disconnect } from '@stewrd/db/connect.ts'
import { DataKeys } from '@stewrd/db/data-keys.ts'
import { startEmbedded } from '@stewrd/db/embedded/embedded.ts'
import type { EventStore } from '@stewrd/db/event-store.ts'
import { createEventStore } from '@stewrd/db/event-store.ts'
import { migrate } from '@stewrd/db/migrate.ts'

/** A Postgres of its own, with everything that appends and reads need: what a server composes, without its edges. */
export type Bed = {
  url: string
  /** Holds the keyring. */
  home: string
  /** As the owner of the tables. */
  owner: Sql
  /** As what works for all projects. */
  worker: Sql
  sql: Sql
  dataKeys: DataKeys
  store: EventStore
  accountId: string
  postgres: string
  close(): Promise<void>
}

export async function makeBed(): Promise<Bed> {
  const home = await mkdtemp(join(tmpdir(), 'stewrd-bench-'))
  const embedded = await startEmbedded({ home, as: 'server' })
  await migrate(embedded.url)
  const sql = connect(embedded.url, { max: 8 })
  const worker = connect(embedded.url, { max: 8, role: 'stewrd_worker' })
  const owner = connect(embedded.url, { max: 8, role: null })
  const dataKeys = new DataKeys(sql, await openKeyringFile(join(home, 'keyring.json')))
  const { accountId } = await theAccount(sql)
  const [version] = await sql<{ v: string }[]>`select current_setting('server_version') as v`
  return {
    url: embedded.url,
    home,
    owner,
    worker,
    sql,
    dataKeys,
    store: createEventStore({ sql, dataKeys }),
    accountId,
    postgres: version!.v,
    async close() {
      await Promise.all([disconnect(sql), disconnect(worker), disconnect(owner)])
      await embedded.stop()
      await rm(home, { recursive: true, force: true })
    },
  }
}
