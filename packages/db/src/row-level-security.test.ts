// A database of its own: it takes the store's own conditions out of its statements.
import { randomBytes, randomUUID } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { StreamId } from '@stewrd/core/kernel/execute.ts'
import { GENESIS } from '@stewrd/crypto/chain.ts'
import { projects } from '@stewrd/core/projects/projects.ts'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Sql } from './connect.ts'
import { connect, disconnect } from './connect.ts'
import { DataKeys } from './data-keys.ts'
import { dbError } from './db-error.ts'
import { createEventStore } from './event-store.ts'
import { migrate } from './migrate.ts'
import type { Scope } from './scope.ts'
import { scoped, scopeOf, scopeOfStreams, setScope, wholeAccount } from './scope.ts'
import { append } from './store/append.ts'
import { appendKnown } from './store/append-known.ts'
import { appendOne } from './store/append-one.ts'
import { placeHeads } from './store/place-heads.ts'
import { sealedElsewhere } from './testkit/record-elsewhere.ts'
import { by, createWorld } from './testkit/world.ts'
import type { World } from './testkit/world.ts'

let world: World
let mine: StreamId
let foreign: StreamId
beforeAll(async () => {
  world = await createWorld()
  mine = world.project()
  foreign = world.project()
  for (const stream of [mine, foreign])
    await world.store.execute(projects, stream, { type: 'CreateProject', name: 'x' }, by())
})
afterAll(() => world.close())

const contents = ['heads', 'events', 'data_keys'] as const
const code = (statement: PromiseLike<unknown>) =>
  Promise.resolve(statement).then(
    () => 'done',
    (error: unknown) => (dbError(error) as { code?: string }).code,
  )
const count = async (sql: Sql, table: string, scope?: Scope) => {
  const query = sql<{ n: number }[]>`select count(*) as n from ${sql(table)}`
  return (await (scope ? scoped(query, scope) : query))[0]!.n
}

test.each(contents)('a statement that names no project sees no row of %s, and writes none', async (table) => {
  expect(await count(world.sql, table)).toBe(0)
  expect(await count(world.sql, table, scopeOf(mine))).toBe(1)
  expect(await count(world.sql, table, wholeAccount(mine.accountId))).toBe(2)
  expect(await count(world.sql, table, wholeAccount(randomUUID()))).toBe(0)
  expect(await count(world.worker, table)).toBeGreaterThanOrEqual(2)
  const [row] = await world.owner.unsafe(`select * from ${table} limit 1`)
  expect(await code(world.sql`insert into ${world.sql(table)} ${world.sql(row!)}`)).toBe('42501')
})

test('a statement that names one project neither reads nor writes what is another’s', async () => {
  const as = <Q extends object>(query: Q) => scoped(query, scopeOf(mine))
  const { sql } = world
  const { accountId, projectId, stream } = foreign
  expect(await as(sql`select * from heads where account_id = ${accountId} and stream = ${stream}`)).toHaveLength(0)
  expect(await as(sql`select * from events where account_id = ${accountId} and stream = ${stream}`)).toHaveLength(0)
  expect(await as(sql`select * from data_keys where account_id = ${accountId} and scope = ${projectId}`)).toHaveLength(
    0,
  )
  const taken = await as(sql`update heads set project_id = ${mine.projectId} where stream = ${stream}`)
  const retired = await as(sql`update data_keys set retired_at = now() where scope = ${projectId}`)
  expect([taken.count, retired.count]).toEqual([0, 0])
  expect(await code(as(sql`update heads set project_id = ${projectId} where stream = ${mine.stream}`))).toBe('42501')
  const [head] = await world.owner`select * from heads where stream = ${stream}`
  expect(await code(as(sql`insert into heads ${sql({ ...head, stream: 'file:x' })}`))).toBe('42501')
})

test('what a transaction names ends with it, on the same connection too', async () => {
  const one = connect(world.url, { max: 1 })
  expect(await count(one, 'heads', scopeOf(mine))).toBe(1)
  expect(await count(one, 'heads')).toBe(0)
  await one.begin(async (tx) => {
    await setScope(tx, scopeOf(foreign))
    expect(await tx`select project_id from heads`).toEqual([{ project_id: foreign.projectId }])
  })
  await expect(one.begin((tx) => setScope(tx, scopeOf(foreign)).then(() => tx`select 1 / 0`))).rejects.toThrow(
    'division by zero',
  )
  expect(await count(one, 'heads')).toBe(0)
  await expect(scoped(one`select 1 / 0`, scopeOf(mine))).rejects.toMatchObject({ code: '22012' })
  expect(await Promise.all([count(one, 'heads', scopeOf(mine)), count(one, 'heads')])).toEqual([1, 0])
  await disconnect(one)
})

test('names of streams with any character in them are told apart', async () => {
  const odd = [`file:"a",b`, 'file:\\', 'file:{}', 'file:ä', 'file:null'].map((stream) => ({ ...mine, stream }))
  const named = scopeOfStreams([...odd, foreign])
  for (const { accountId, projectId, stream } of odd) {
    const head = { account_id: accountId, project_id: projectId, stream, seq: 0, chain: Buffer.alloc(32), from_seq: 0 }
    const row = { ...head, from_chain: Buffer.alloc(32), state_version: 0 }
    await scoped(world.sql`insert into heads ${world.sql(row)}`, named)
  }
  expect(await count(world.sql, 'heads', named)).toBe(odd.length + 1)
  await world.owner`delete from heads where stream like 'file:%'`
})

/** What runs as `stewrd_worker`, or as the owner: a file beside these says whose rows each of its statements is for. */
const forAllProjects = [
  /^packages\/db\/src\/(backup|log-tree\/nodes|master-keys|projection|shredding|verify|webhooks)\b/,
  /^packages\/db\/src\/(chain-ends|foreign-events|log-reader|sequencer)\.ts$/,
  /^apps\/server\/src\/platform\.ts$/,
  // A part of a statement that is scoped where it is put together.
  /^packages\/db\/src\/store\/meter\.ts$/,
]
test('every file with a statement on these tables scopes it, or works for all projects', async () => {
  const root = new URL('../../../', import.meta.url).pathname
  const files = (
    await Promise.all(
      ['packages/db/src', 'apps/server/src'].map((dir) => readdir(join(root, dir), { recursive: true })),
    )
  ).flatMap((names, i) => names.map((name) => join(['packages/db/src', 'apps/server/src'][i]!, name)))
  const sources = files.filter(
    (file) => file.endsWith('.ts') && !/\.test\.ts$|\.testing\.ts$|\/test(ing|kit)\//.test(file),
  )
  const unscoped: string[] = []
  for (const file of sources) {
    const text = await readFile(join(root, file), 'utf8')
    const names =
      /\b(from|join|insert into|update|delete from) (heads|events|data_keys)\b(?! (of|are|is|as they)\b)/.test(text)
    if (names && !/\bscoped\(/.test(text) && !forAllProjects.some((known) => known.test(file))) unscoped.push(file)
  }
  expect(sources.length).toBeGreaterThan(200)
  expect(unscoped).toEqual([])
})

/** The same connections, with every condition taken out by which the store itself tells whose a stream is. */
function withoutChecks(sql: Sql) {
  const removed = new Set<string>()
  const conditions: [RegExp, string][] = [
    [/ and (?:h\.)?project_id = (?:excluded\.project_id|u\.project_id|\$3::uuid)/g, ''],
    [/h\.project_id is not distinct from r\.project_id as own/g, 'true as own'],
    [/and e\.project_id = $/g, 'and true or e.project_id = '],
  ]
  const strip = (text: string) =>
    conditions.reduce((left, [condition, instead], nth) => {
      if (condition.test(left)) removed.add(String(nth))
      return left.replace(condition, instead)
    }, text)
  const apply = (target: Sql, _: unknown, [strings, ...values]: [unknown, ...never[]]) => {
    if (!Array.isArray(strings) || !('raw' in strings))
      return Reflect.apply(target as never, undefined, [strings, ...values])
    const texts = Object.assign(strings.map(strip), { raw: strings.raw })
    return Reflect.apply(target as never, undefined, [texts, ...values])
  }
  const get = (target: Sql, name: keyof Sql) =>
    name === 'unsafe'
      ? (text: string, ...rest: [never[], object]) => target.unsafe(strip(text), ...rest)
      : Reflect.get(target, name)
  return { sql: new Proxy(sql, { apply, get } as never), removed }
}

describe('the store with its own conditions taken out', () => {
  const rename = (name: string) => ({ type: 'RenameProject', name }) as const
  const asMine = () => ({ ...foreign, projectId: mine.projectId })
  const rows = () => world.owner`
    select h.stream, h.seq, h.chain, h.snapshot, count(e) as events from heads h left join events e using (account_id, stream) group by h.account_id, h.stream`
  const forged = (stream: StreamId, name: string) =>
    sealedElsewhere({ sql: world.worker, dataKeys: world.dataKeys }, projects, stream, rename(name), mine.projectId)

  test('would write a stream of another project where no policy binds', async () => {
    const bare = withoutChecks(world.owner)
    expect(await appendOne(bare.sql, await forged(foreign, 'one'))).toBe(true)
    expect(await appendKnown(bare.sql, [await forged(foreign, 'two')])).toEqual([])
    expect([...bare.removed]).toEqual(['0'])
    // Back to what it was: the rest needs an honest stream.
    await world.owner`delete from events where stream = ${foreign.stream} and project_id = ${mine.projectId}`
    foreign = world.project()
    await world.store.execute(projects, foreign, { type: 'CreateProject', name: 'x' }, by())
  })

  test('writes none of another project, alone or in a statement with others', async () => {
    const bare = withoutChecks(world.sql)
    const own = world.project()
    await world.store.execute(projects, own, { type: 'CreateProject', name: 'x' }, by())
    const honest = await sealedElsewhere(world, projects, own, rename('honest'), own.projectId)
    const unit = await forged(foreign, 'forged')
    const placed = { ...foreign, stream: 'llm:placed' }
    await placeHeads(world.sql, placed, [placed.stream])
    const nowhere = { seq: 0, chain: GENESIS }
    const begun = { ...unit, id: { ...placed, projectId: mine.projectId }, from: nowhere }
    const before = await rows()
    expect(await appendOne(bare.sql, unit)).toBe(false)
    expect(await code(appendOne(bare.sql, begun))).toBe('42501')
    expect(await code(append(bare.sql, [begun, honest]))).toBe('42501')
    expect(await rows()).toEqual(before)
    expect(await appendKnown(bare.sql, [unit, honest])).toEqual([0])
    expect((await rows()).filter(({ stream }) => stream !== own.stream)).toEqual(
      before.filter(({ stream }) => stream !== own.stream),
    )
    // Both projects are named here: each by its own stream.
    const crossed = await forged(own, 'crossed')
    expect(await appendKnown(bare.sql, [unit, { ...crossed, id: { ...own, projectId: foreign.projectId } }])).toEqual([
      0, 1,
    ])
  })

  test('reads none of another project', async () => {
    const bare = withoutChecks(world.sql)
    const store = createEventStore({ sql: bare.sql, dataKeys: world.dataKeys })
    expect(await store.read(asMine())).toEqual([])
    expect(await store.head(projects, asMine())).toMatchObject({ state: projects.initial })
    expect(await store.read(foreign)).toHaveLength(1)
    expect([...bare.removed]).toEqual(expect.arrayContaining(['1', '2']))
    const key = await world.dataKeys.current(foreign.accountId, foreign.projectId, 'event')
    const keys = new DataKeys(world.sql, {} as never)
    await expect(keys.byId(foreign.accountId, mine.projectId, key.id)).rejects.toMatchObject({ name: 'DataKeyMissing' })
  })
})

test('the owner of the tables is bound as well, unless it may take the role of the workers', async () => {
  const name = `owner_${randomBytes(4).toString('hex')}`
  const admin = connect(world.url, { max: 1, role: null })
  await admin.unsafe(`create database ${name} template template0`)
  await admin.unsafe(`create role ${name} login password 'x'; grant stewrd_app, stewrd_worker to ${name}`)
  await admin.unsafe(`alter database ${name} owner to ${name}`)
  const url = new URL(world.url)
  Object.assign(url, { pathname: `/${name}`, username: name, password: 'x' })
  await migrate(url.href)
  const owner = connect(url.href, { max: 1, role: null })
  await owner`
    insert into heads (account_id, stream, project_id, seq, chain, from_seq, from_chain, state_version)
    values (${randomUUID()}, 'x', ${randomUUID()}, 0, '', 0, '', 0)`
  expect(await count(owner, 'heads')).toBe(1)
  await disconnect(owner)
  await admin.unsafe(`revoke stewrd_worker from ${name}`)
  const alone = connect(url.href, { max: 1, role: null })
  expect(await count(alone, 'heads')).toBe(0)
  await disconnect(alone)
  await admin.unsafe(`drop database ${name} with (force)`)
  await admin.unsafe(`drop role ${name}`)
  await disconnect(admin)
})
