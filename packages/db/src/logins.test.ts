// A file of its own: it makes logins and takes rights from them, which belong to the whole server.
import { createSecretKey, randomBytes } from 'node:crypto'
import { databaseLogin } from '@stewrd/crypto/database-login.ts'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import type { Sql } from './connect.ts'
import { connect, disconnect } from './connect.ts'
import { parseDatabaseUrl } from './database-url.ts'
import { dbError } from './db-error.ts'
import type { Access, Accesses } from './logins.ts'
import { loginName, openAccesses } from './logins.ts'
import { migrate } from './migrate.ts'
import { sessionSettings } from './session-settings.ts'
import type { TestDatabase } from './testing/database.ts'
import { createTestDatabase } from './testing/database.ts'

const base = inject('postgresUrl')
const key = createSecretKey(Buffer.alloc(32, 3))
let database: TestDatabase
let admin: Sql
let name: string
const roles: string[] = []
beforeAll(async () => {
  database = await createTestDatabase()
  admin = connect(database.url, { max: 1, role: null })
  name = parseDatabaseUrl(database.url).database
})
afterAll(async () => {
  await disconnect(admin)
  await database.drop()
  const server = connect(`${base}/postgres`, { max: 1, role: null })
  for (const role of roles) await server.unsafe(`drop role if exists "${role}"`)
  await disconnect(server)
})

const opened: Sql[] = []
const open = ({ target, role }: Access) => {
  const sql = connect(target, { max: 1, role })
  opened.push(sql)
  return sql
}
afterAll(() => Promise.all(opened.map((sql) => disconnect(sql, 1))))
const code = (statement: PromiseLike<unknown>) =>
  Promise.resolve(statement).then(
    () => 'done',
    (error: unknown) => (dbError(error) as { code?: string }).code,
  )
const settings = async (sql: Sql) =>
  Object.fromEntries(
    (
      await sql<{ name: string; setting: string }[]>`
      select name, setting from pg_settings where name = any(${Object.keys(sessionSettings)}::text[])`
    ).map((s) => [s.name, s.setting]),
  )
const owned = async (attributes: string) => {
  const owner = `owner_${randomBytes(4).toString('hex')}`
  roles.push(owner)
  await admin.unsafe(`create role ${owner} login password 'x' ${attributes}`)
  await admin.unsafe(`create database ${owner} template template0 owner ${owner}`)
  const url = new URL(database.url)
  Object.assign(url, { pathname: `/${owner}`, username: owner, password: 'x' })
  return { url: url.href, owner }
}
const dropped = (owner: string) => admin.unsafe(`drop database ${owner} with (force)`)

test('requests and background work sign in as logins that are nobody else and can become nobody else', async () => {
  const { app, worker, advice } = await openAccesses({ url: database.url, key })
  expect([app.target.user, worker.target.user]).toEqual([
    loginName('stewrd_app', name),
    loginName('stewrd_worker', name),
  ])
  expect([app.role, worker.role, advice]).toEqual([null, null, undefined])
  for (const access of [app, worker]) {
    const sql = open(access)
    expect(await settings(sql)).toEqual(
      Object.fromEntries(Object.entries(sessionSettings).map(([k, v]) => [k, String(v)])),
    )
    await sql`set role none`
    const [me] = await sql`
      select current_user as name, rolsuper as super, rolbypassrls as bypasses, rolcreaterole as makes from pg_roles where rolname = current_user`
    expect(me).toEqual({ name: access.target.user, super: false, bypasses: false, makes: false })
    await sql`reset role`
    for (const role of ['stewrd', 'postgres'])
      expect(await code(sql.unsafe(`set role ${role}`))).toMatch(/^(42501|22023)$/)
    expect(await code(sql`alter table events disable row level security`)).toBe('42501')
    expect(await code(sql`delete from events`)).toBe('42501')
    expect(await code(sql`create table mine (n int)`)).toBe('42501')
  }
  expect(await code(open(app)`set role stewrd_worker`)).toBe('42501')
})

test('every node derives the same logins, and none needs to change anything once they are there', async () => {
  const before = await openAccesses({ url: database.url, key })
  const [{ verifier } = { verifier: '' }] = await admin<{ verifier: string }[]>`
    select rolpassword as verifier from pg_authid where rolname = ${before.app.target.user}`
  expect(verifier).toBe(databaseLogin(key, before.app.target.user).verifier)
  const again = await Promise.all([1, 2, 3].map(() => openAccesses({ url: database.url, key })))
  expect(again.map(({ app }) => app.target.password)).toEqual(
    Array.from({ length: 3 }, () => before.app.target.password),
  )
  const rows = await admin`select rolpassword as verifier from pg_authid where rolname = ${before.app.target.user}`
  expect(rows).toEqual([{ verifier }])
})

test('no statement carries a password, and a database of another deployment keeps its own logins', async () => {
  const { app } = await openAccesses({ url: database.url, key })
  const other = await createTestDatabase()
  const theirs = await openAccesses({ url: other.url, key: createSecretKey(Buffer.alloc(32, 4)) })
  expect(theirs.app.target.user).not.toBe(app.target.user)
  expect(await open(app)`select 1 as one`).toEqual([{ one: 1 }])
  expect(databaseLogin(key, app.target.user).verifier).not.toContain(app.target.password)
  await other.drop()
})

test('a password or a setting that somebody changed is put right at the next start', async () => {
  const { app } = await openAccesses({ url: database.url, key })
  await admin.unsafe(
    `alter role ${app.target.user} password 'other'; alter role ${app.target.user} in database ${name} set statement_timeout = 1000`,
  )
  const again = await openAccesses({ url: database.url, key })
  expect(await settings(open(again.app))).toMatchObject({ statement_timeout: '60000' })
  await admin.unsafe(`alter role ${app.target.user} in database ${name} reset plan_cache_mode`)
  const third = await openAccesses({ url: database.url, key })
  expect(await settings(open(third.app))).toMatchObject({ plan_cache_mode: 'force_generic_plan' })
})

test('an owner who may make roles and is no superuser gets the same', async () => {
  const { url, owner } = await owned('createrole')
  await admin.unsafe(`grant stewrd_app, stewrd_worker to ${owner} with admin option`)
  await migrate(url)
  const { app, worker, advice } = await openAccesses({ url, key })
  expect([app.role, worker.role, advice]).toEqual([null, null, undefined])
  expect(await open(worker)`select count(*) as n from heads`).toEqual([{ n: 0 }])
  await dropped(owner)
  roles.unshift(app.target.user, worker.target.user)
})

test('an owner who may make no login takes the roles, and is told what that is worth and what to do', async () => {
  const { url, owner } = await owned('')
  await admin.unsafe(`grant stewrd_app, stewrd_worker to ${owner}`)
  await migrate(url)
  const found: Accesses = await openAccesses({ url, key })
  expect([found.app.role, found.worker.role]).toEqual(['stewrd_app', 'stewrd_worker'])
  expect(found.advice).toContain(`The login "${owner}" may not make logins`)
  expect(found.advice).toContain(`alter role "${owner}" createrole`)
  const sql = open(found.app)
  expect(await sql`select current_user as me`).toEqual([{ me: 'stewrd_app' }])
  expect(await settings(sql)).toMatchObject({ enable_seqscan: 'off' })
  await disconnect(sql)
  await dropped(owner)
})

test('a login that an operator made for requests is used beside the owner’s, unless it may do too much', async () => {
  const login = `mine_${randomBytes(4).toString('hex')}`
  roles.push(login)
  await admin.unsafe(`create role ${login} login password 'y' in role stewrd_app`)
  const url = new URL(database.url)
  Object.assign(url, { username: login, password: 'y' })
  const given = { url: url.href, ownerUrl: database.url, key }
  const { app, worker, advice } = await openAccesses(given)
  expect([app.target.user, app.role, worker.target.user, advice]).toEqual([
    login,
    null,
    loginName('stewrd_worker', name),
    undefined,
  ])
  expect(await settings(open(app))).toMatchObject({ statement_timeout: '60000', TimeZone: 'UTC' })
  for (const [grant, why] of [
    ['alter role % superuser', 'it is a superuser'],
    ['alter role % nosuperuser bypassrls', 'it bypasses row-level security'],
    ['alter role % nobypassrls; grant stewrd_worker to %', 'it has the role stewrd_worker'],
    ['revoke stewrd_worker, stewrd_app from %', 'it does not have the role stewrd_app'],
  ] as const) {
    await admin.unsafe(grant.replaceAll('%', login))
    await expect(openAccesses(given)).rejects.toThrow(why)
  }
})
