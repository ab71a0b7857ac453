import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { readdir, readFile } from 'node:fs/promises'
import { connect, disconnect } from './connect.ts'
import { migrate } from './migrate.ts'
import { theAccount } from './accounts.ts'

const base = inject('postgresUrl')
const admin = connect(`${base}/postgres`, { max: 2, role: null })
const made: string[] = []
const empty = async () => {
  const name = `migrate_${randomBytes(5).toString('hex')}`
  made.push(name)
  await admin.unsafe(`create database ${name}`)
  return `${base}/${name}`
}
beforeAll(async () => {
  await admin`select 1`
})
afterAll(async () => {
  for (const name of made) await admin.unsafe(`drop database ${name} with (force)`)
  await disconnect(admin)
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
  const url = new URL(await empty())
  const owner = `owner_${randomBytes(5).toString('hex')}`
  await admin.unsafe(`create role ${owner} login password 'x'`)
  await admin.unsafe(`grant create on database ${url.pathname.slice(1)} to ${owner}`)
  url.username = owner
  url.password = 'x'
  await expect(migrate(url.href)).rejects.toThrow(`grant stewrd_app to ${owner};`)
  await admin.unsafe(`revoke all on database ${url.pathname.slice(1)} from ${owner}`)
  await admin.unsafe(`drop role ${owner}`)
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
