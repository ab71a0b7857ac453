import { randomBytes, randomUUID } from 'node:crypto'
import { readdir } from 'node:fs/promises'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { projects } from '@stewrd/core/projects/projects.ts'
import { theAccount } from '../accounts.ts'
import { connect, disconnect } from '../connect.ts'
import { applyWithin, migrate, readMigrations, unknownMigrations } from '../migrate.ts'
import { ensureRoles } from '../role.ts'
import { payers } from '../testkit/ledger.ts'
import type { World } from '../testkit/world.ts'
import { by, createWorld } from '../testkit/world.ts'
import type { TablePart } from './load.ts'
import { loadSnapshot } from './load.ts'
import type { SnapshotShape } from './snapshot.ts'
import { readSnapshot } from './snapshot.ts'
import { inOrder } from './table-order.ts'

const base = inject('postgresUrl')
const admin = connect(`${base}/postgres`, { max: 1, role: null })
const made: string[] = []
const empty = async () => {
  const name = `snapshot_${randomBytes(5).toString('hex')}`
  made.push(name)
  await admin.unsafe(`create database ${name} template template0`)
  return `${base}/${name}`
}
let world: World
beforeAll(async () => {
  world = await createWorld()
})
afterAll(async () => {
  await world.close()
  for (const name of made) await admin.unsafe(`drop database ${name} with (force)`)
  await disconnect(admin)
})

const taken = (url: string) =>
  readSnapshot(url, async (shape, read) => {
    const parts: TablePart[] = []
    for (const table of shape.tables)
      for await (const bytes of read(table)) parts.push({ table: table.name, bytes: Buffer.from(bytes) })
    return { shape, parts }
  })
async function* of(parts: readonly TablePart[]) {
  yield* parts
}
const tablesIn = async (url: string) => {
  const sql = connect(url, { max: 1, role: null })
  const rows = await sql`select from pg_class where relnamespace = 'public'::regnamespace`
  await disconnect(sql)
  return rows.length
}
const contents = async (url: string, { tables }: SnapshotShape) => {
  const sql = connect(url, { max: 1, role: null })
  const found: Record<string, unknown> = {}
  for (const { name } of tables)
    found[name] = (await sql.unsafe(`select to_jsonb(t)::text as row from ${name} t order by 1`)).map((r) =>
      String(r.row),
    )
  await disconnect(sql)
  return found
}

test('a database becomes what another was: every row, grants and sequences; and the app goes on in it', async () => {
  const stream = world.project()
  await world.store.execute(projects, stream, { type: 'CreateProject', name: 'a' }, by())
  // Entries of the ledger refer to each other.
  const paid = payers(world)
  const runIds = Array.from({ length: 3 }, () => randomUUID())
  for (const id of runIds) await paid.start(world.store, id, 1)
  const { shape, parts } = await taken(world.url)
  expect(shape.sequences).toEqual([{ name: 'outbox_id_seq', value: 1 + runIds.length }])
  const url = await empty()
  await loadSnapshot(url, shape, of(parts))
  expect(await contents(url, shape)).toEqual(await contents(world.url, shape))
  expect(await migrate(url)).toEqual({ applied: [] })
  const app = connect(url, { max: 1 })
  const [next] = await app<{ id: number }[]>`
    insert into outbox (account_id, stream, seq) values (${world.accountId}, 'x', 1) returning id`
  expect(next).toEqual({ id: 2 + runIds.length })
  await expect(app`delete from events`).rejects.toMatchObject({ code: '42501' })
  await disconnect(app)
})

test('an owner who is no superuser takes it, and fills a database of its own whose policies bind it as before', async () => {
  const url = new URL(await empty())
  const name = url.pathname.slice(1)
  await admin.unsafe(`create role ${name} login password 'x'; grant stewrd_app, stewrd_worker to ${name}`)
  await admin.unsafe(`alter database ${name} owner to ${name}`)
  Object.assign(url, { username: name, password: 'x' })
  const { shape, parts } = await taken(world.url)
  await loadSnapshot(url.href, shape, of(parts))
  expect(await contents(url.href, shape)).toEqual(await contents(world.url, shape))
  expect((await taken(url.href)).parts).toEqual(parts)
  const sql = connect(url.href, { max: 1, role: null })
  const bound = await sql`
    select relname from pg_class where relnamespace = 'public'::regnamespace and relrowsecurity and relforcerowsecurity order by 1`
  expect(bound.map((row) => row['relname'])).toEqual(['data_keys', 'events', 'heads'])
  await disconnect(sql)
  await admin.unsafe(`drop database ${name} with (force)`)
  made.splice(made.indexOf(name), 1)
  await admin.unsafe(`drop role ${name}`)
})

test('jobs are not in it: the restored database has their tables, and none of them', async () => {
  await world.owner`insert into pgboss.queue (name, policy, retry_limit, retry_delay, retry_backoff, expire_seconds,
    retention_seconds, deletion_seconds, partition, table_name) values ('q', 'exclusive', 1, 1, false, 9, 9, 9, false, 'job_common')`
  await world.owner`insert into pgboss.job (name, data) values ('q', '{"key": "d"}')`
  const { shape, parts } = await taken(world.url)
  expect(shape.tables.map(({ name }) => name)).toEqual(expect.arrayContaining(['webhook_deliveries', 'webhook_cursor']))
  const url = await empty()
  await loadSnapshot(url, shape, of(parts))
  const app = connect(url, { max: 1 })
  const [found] = await app<{ jobs: number; version: number }[]>`
    select (select count(*) from pgboss.job) as jobs, (select version from pgboss.version) as version`
  expect(found).toEqual({ jobs: 0, version: 46 })
  await disconnect(app)
})

test('one of an older schema is filled as it was, and then brought up to date', async () => {
  const all = await readMigrations()
  const older = all.filter(({ name }) => name < '0020')
  const url = await empty()
  const sql = connect(url, { max: 1, role: null })
  await ensureRoles(sql)
  await sql.begin((tx) => applyWithin(tx, older))
  const { accountId } = await theAccount(sql)
  await disconnect(sql)
  const { shape, parts } = await taken(url)
  expect(shape.migrations.map((m) => m.name)).toEqual(older.map((m) => m.name))
  const restored = await empty()
  await loadSnapshot(restored, shape, of(parts))
  const { applied } = await migrate(restored)
  expect([...older.map((m) => m.name), ...applied]).toEqual(
    (await readdir(new URL('../../migrations/', import.meta.url))).sort(),
  )
  const again = connect(restored)
  expect((await theAccount(again)).accountId).toBe(accountId)
  await disconnect(again)
})

test('a migration that is not known here is named', async () => {
  const [first] = await readMigrations()
  const changed = { name: first!.name, sha256: '0'.repeat(64) }
  const newer = { name: '9999_later.sql', sha256: first!.sha256 }
  expect(await unknownMigrations([first!, changed, newer])).toEqual([changed.name, newer.name])
})

test('what does not fit leaves the database as empty as it was', async () => {
  const { shape, parts } = await taken(world.url)
  const short = { ...shape, tables: shape.tables.map((t) => (t.name === 'events' ? { ...t, rows: t.rows + 1 } : t)) }
  const url = await empty()
  await expect(loadSnapshot(url, short, of(parts))).rejects.toThrow(
    /events has \d+ rows after the restore, and had \d+/,
  )
  for (const change of [
    (b: Uint8Array) => b.subarray(0, -4),
    (b: Uint8Array) => b.map((byte, i) => (i === 20 ? byte ^ 1 : byte)),
    () => Buffer.from('no rows'),
    () => Buffer.alloc(5_000_000, 1),
  ]) {
    const torn = parts.map((p) => (p.table === 'events' ? { ...p, bytes: change(p.bytes) } : p))
    await expect(loadSnapshot(url, shape, of(torn))).rejects.toThrow(
      /does not take the rows of the table events|The database refused a statement/,
    )
  }
  const foreign = { ...shape, tables: [{ name: 'pg_authid', columns: ['rolname'], rows: 0 }] }
  await expect(loadSnapshot(url, foreign, of([]))).rejects.toThrow('(42P01)')
  const failing = async function* (): AsyncGenerator<TablePart> {
    yield* parts.slice(0, 3)
    throw new Error('the file ended')
  }
  await expect(loadSnapshot(url, shape, failing())).rejects.toThrow('the file ended')
  expect(await tablesIn(url)).toBe(0)
})

test('whoever stops reading in the middle gets back at once', async () => {
  for (let i = 0; i < 30; i++)
    await world.store.execute(projects, world.project(), { type: 'CreateProject', name: 'a'.repeat(60) }, by())
  const stopped = readSnapshot(world.url, async (shape, read) => {
    for await (const _ of read(shape.tables.find((t) => t.name === 'events')!)) throw new Error('the disk is full')
  })
  await expect(stopped).rejects.toThrow('the disk is full')
})

test('tables come after those they refer to', () => {
  const tables = [
    { name: 'a', refers: ['c'] },
    { name: 'b', refers: [] },
    { name: 'c', refers: ['b'] },
  ]
  expect(inOrder(tables).map((t) => t.name)).toEqual(['b', 'c', 'a'])
  expect(() =>
    inOrder([
      { name: 'a', refers: ['b'] },
      { name: 'b', refers: ['a'] },
    ]),
  ).toThrow('refer to each other')
})
