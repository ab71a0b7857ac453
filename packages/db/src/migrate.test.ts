import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { readdir, readFile } from 'node:fs/promises'
import { connect, disconnect } from './connect.ts'
import { migrate } from './migrate.ts'
import { theAccount } from './accounts.ts'

const base = inject('postgresUrl')
const admin = connect(`${base}/postgres`, { max: 2, role: null })
const made: string[] = []
const roles: string[] = []
const empty = async (how = '') => {
  const name = `migrate_${randomBytes(5).toString('hex')}`
  made.push(name)
  await admin.unsafe(`create database ${name} ${how}`)
  return `${base}/${name}`
}
/** A login that owns the database, and is no superuser. */
const ownedBy = async (url: string, attributes = '') => {
  const owned = new URL(url)
  const name = `owner_${randomBytes(5).toString('hex')}`
  roles.push(name)
  await admin.unsafe(`create role ${name} login password 'x' ${attributes}`)
  await admin.unsafe(`alter database ${owned.pathname.slice(1)} owner to ${name}`)
  owned.username = name
  owned.password = 'x'
  return { url: owned.href, name }
}
const tablesIn = async (url: string) => {
  const sql = connect(url, { max: 1, role: null })
  const rows = await sql`
    select from pg_class c join pg_namespace n on n.oid = relnamespace where relkind = 'r' and nspname not in ('pg_catalog', 'information_schema')`
  await disconnect(sql)
  return rows.length
}
beforeAll(async () => {
  await admin`select 1`
})
afterAll(async () => {
  for (const name of made) await admin.unsafe(`drop database ${name} with (force)`)
  for (const name of roles) await admin.unsafe(`drop role ${name}`)
  await disconnect(admin)
})

test('a database that cannot hold every text is refused before the first table', async () => {
  const url = await empty(`encoding 'LATIN1' locale 'C' template template0`)
  await expect(migrate(url)).rejects.toThrow(/has the encoding LATIN1.*Use a database made with: create database/)
  expect(await tablesIn(url)).toBe(0)
})

test('a login that works in another schema is refused before the first table, and told what to run', async () => {
  const { url, name } = await ownedBy(await empty(), 'createrole')
  const sql = connect(url, { max: 1, role: null })
  await sql.unsafe(`create schema app; alter role ${name} set search_path = app`)
  await disconnect(sql)
  await expect(migrate(url)).rejects.toThrow(`works in the schema "app", and Stewrd keeps its tables in "public"`)
  expect(await tablesIn(url)).toBe(0)
  const [command] = await migrate(url).then(
    () => [],
    (error: Error) => /alter role .*/.exec(error.message) ?? [],
  )
  await admin.unsafe(`${command}; grant stewrd_app, stewrd_worker to ${name}`)
  expect((await migrate(url)).applied.length).toBeGreaterThan(10)
})

test('a login that may only read, or make no table, is refused before the first table', async () => {
  const { url, name } = await ownedBy(await empty(), 'createrole')
  await admin.unsafe(`alter role ${name} set default_transaction_read_only = on`)
  await expect(migrate(url)).rejects.toThrow('may only read (default_transaction_read_only is on)')
  await admin.unsafe(`alter role ${name} reset default_transaction_read_only`)
  await admin.unsafe(`alter database ${new URL(url).pathname.slice(1)} owner to stewrd`)
  await expect(migrate(url)).rejects.toThrow(`grant create on schema public to "${name}"`)
  expect(await tablesIn(url)).toBe(0)
})

test('a first start that fails half-way leaves no table, and goes through once the reason is gone', async () => {
  const url = await empty()
  const sql = connect(url, { max: 1, role: null })
  await sql`create table webhook_deliveries (mine int)`
  await expect(migrate(url)).rejects.toMatchObject({ code: '42P07' })
  expect(await tablesIn(url)).toBe(1)
  await sql`drop table webhook_deliveries`
  await disconnect(sql)
  expect((await migrate(url)).applied.length).toBeGreaterThan(10)
})

test('starts at the same moment migrate once, and a second run has nothing to do', async () => {
  const url = await empty()
  const seen: string[] = []
  const results = await Promise.all([
    migrate(url, { onProgress: (name) => seen.push(name) }),
    migrate(url),
    migrate(url),
  ])
  const files = (await readdir(new URL('../migrations/', import.meta.url))).sort()
  expect(results.flatMap((r) => r.applied)).toEqual(files)
  expect(await migrate(url)).toEqual({ applied: [] })
})

test('a migration that was edited after it ran is refused by name', async () => {
  const url = await empty()
  await migrate(url)
  const sql = connect(url, { max: 1, role: null })
  await sql`update migrations set sha256 = 'other' where name = '0002_log.sql'`
  await disconnect(sql)
  await expect(migrate(url)).rejects.toThrow(/0002_log\.sql was changed/)
})

test('an owner who may not create roles, and has none to use, is told what an administrator must run', async () => {
  const { url, name } = await ownedBy(await empty())
  await expect(migrate(url)).rejects.toThrow(`grant stewrd_app, stewrd_worker to ${name} with inherit true;`)
})

test('every migration says first whether old code keeps working', async () => {
  const directory = new URL('../migrations/', import.meta.url)
  for (const name of await readdir(directory))
    expect(`${name} ${(await readFile(new URL(name, directory), 'utf8')).split('\n')[0]}`).toMatch(
      / -- .*(keeps working|must be stopped)/,
    )
})

test('there is one account, whoever asks first', async () => {
  const url = await empty()
  await migrate(url)
  const sql = connect(url)
  const accounts = await Promise.all(Array.from({ length: 8 }, () => theAccount(sql)))
  expect(new Set(accounts.map((a) => a.accountId)).size).toBe(1)
  await disconnect(sql)
})
