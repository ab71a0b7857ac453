import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import { createServer } from 'node:net'
import { afterAll, beforeAll, expect, inject, onTestFinished, test, vi } from 'vitest'
import type { Sql } from './connect.ts'
import { connect, disconnect } from './connect.ts'
import type { TestDatabase } from './testing/database.ts'
import { createTestDatabase } from './testing/database.ts'
import { startProxy } from './testkit/proxy.ts'

// What the patch of the driver promises: see ADR 0006.
let database: TestDatabase
let other: Sql
beforeAll(async () => {
  database = await createTestDatabase()
  other = connect(database.url, { max: 1, role: null })
  await other`create table driver_notes (text text)`
})
afterAll(async () => {
  await disconnect(other)
  await database.drop()
})

function open(max: number): Sql {
  const sql = connect(database.url, { max, role: null })
  onTestFinished(() => disconnect(sql))
  return sql
}
const pidOf = async (sql: { unsafe: Sql['unsafe'] }): Promise<number> =>
  (await sql.unsafe('select pg_backend_pid() as pid'))[0]!.pid
const kill = (pid: number) => other`select pg_terminate_backend(${pid}, 5000)`

/** Whether the last words of a connection were still read is chance. */
const ENDED = expect.stringMatching(/^(57P01|CONNECTION_CLOSED|ECONNRESET|EPIPE)$/)

const failsAtItsFifthRow = (sql: Sql) =>
  sql`select 1 / (5 - g) from generate_series(1, 10) g`.then(
    () => 'answered',
    (error) => error.code,
  )

test('a query that fails between its rows leaves nothing in the answer of the next one', async () => {
  const sql = open(1)
  expect(await failsAtItsFifthRow(sql)).toBe('22012')
  expect([...(await sql`select 7 as y`)]).toEqual([{ y: 7 }])
  const [failed, next] = await Promise.all([failsAtItsFifthRow(sql), sql`select 8 as y`])
  expect(failed).toBe('22012')
  expect([...next]).toEqual([{ y: 8 }])
})

test('when a connection ends under a query, the next one knows nothing of it', async () => {
  const sql = open(1)
  const pid = await pidOf(sql)
  const sleeping = sql`select g, pg_sleep(g / 3) from generate_series(1, 100) g`.catch((error) => error.code)
  await vi.waitFor(
    async () =>
      expect(await other`select from pg_stat_activity where pid = ${pid} and wait_event = 'PgSleep'`).toHaveLength(1),
    10_000,
  )
  await kill(pid)
  expect(await sleeping).toEqual(ENDED)
  expect([...(await sql`select 7 as y`)]).toEqual([{ y: 7 }])
})

test('what is left of a transaction whose connection ended is refused, and never joins another one', async () => {
  const sql = open(1)
  const ended = Promise.withResolvers<void>()
  const inside = Promise.withResolvers<void>()
  const write = Promise.withResolvers<unknown>()
  const first = sql.begin(async (tx) => {
    const pid = await pidOf(tx)
    await kill(pid)
    ended.resolve()
    await inside.promise
    await tx`insert into driver_notes values ('of the first')`.then(
      () => write.resolve('written'),
      (error) => write.resolve(error.code),
    )
  })
  const outcome = first.then(
    () => 'committed',
    (error) => error.code,
  )
  await ended.promise
  expect(await outcome).toEqual(ENDED)
  await sql.begin(async (tx) => {
    await tx`insert into driver_notes values ('of the second')`
    inside.resolve()
    expect(await write.promise).toBe('CONNECTION_CLOSED')
  })
  expect([...(await other`select text from driver_notes`)]).toEqual([{ text: 'of the second' }])
})

test('statements that wait in a transaction are answered when its connection ends', async () => {
  const sql = open(1)
  const many = Promise.withResolvers<PromiseSettledResult<unknown>[]>()
  const first = sql.begin(async (tx) => {
    const pid = await pidOf(tx)
    // More than the driver sends at once: the last ones wait in its queue.
    const asked = Array.from({ length: 300 }, () => tx`select pg_sleep(20)`)
    many.resolve(Promise.allSettled(asked))
    await kill(pid)
    return asked.length
  })
  await expect(first).rejects.toMatchObject({ code: ENDED })
  const settled = await many.promise
  expect(settled.filter((s) => s.status === 'rejected')).toHaveLength(300)
})

test('a server that hangs up on whoever connects is an error, not a wait', async () => {
  let calls = 0
  const rude = createServer((socket) => {
    calls++
    socket.on('error', () => {})
    socket.once('data', () => socket.end())
  }).listen(0, '127.0.0.1')
  await once(rude, 'listening')
  onTestFinished(() => void rude.close())
  const sql = connect(`postgres://u:p@127.0.0.1:${(rude.address() as AddressInfo).port}/d`, { max: 1 })
  await expect(sql`select 1`).rejects.toMatchObject({ code: 'CONNECTION_CLOSED' })
  expect(calls).toBe(1)
  await disconnect(sql)
})

test('a reserved connection that ended is given back as nothing, and its pool goes on', async () => {
  const sql = open(1)
  const held = await sql.reserve()
  await kill(await pidOf(held))
  await expect(held`select 1`).rejects.toMatchObject({ code: ENDED })
  expect([...(await sql`select 7 as y`)]).toEqual([{ y: 7 }])
  await expect(held`select 1`).rejects.toMatchObject({ code: 'CONNECTION_CLOSED' })
  held.release()
  const again = await Promise.all([sql`select 1 as y`, sql`select 2 as y`])
  expect(again.flatMap((rows) => [...rows])).toEqual([{ y: 1 }, { y: 2 }])
})

test('who listens hears every channel again after each end of the connection, and can stop while the database is away', async () => {
  let proxy = await startProxy(database.url)
  const at = Number(new URL(proxy.url).port)
  const sql = connect(proxy.url, { max: 1, role: null })
  onTestFinished(async () => {
    await disconnect(sql)
    await proxy.close()
  })
  const channels = ['driver_a', 'driver_b', 'driver_c']
  const heard: string[] = []
  const hearing = await Promise.all(channels.map((name) => sql.listen(name, (text) => heard.push(`${name} ${text}`))))
  const allHear = (text: string, names: readonly string[]) =>
    vi.waitFor(async () => {
      heard.length = 0
      for (const name of channels) await other.notify(name, text)
      await vi.waitFor(
        () => expect([...new Set(heard)].toSorted()).toEqual(names.map((name) => `${name} ${text}`)),
        300,
      )
    }, 15_000)
  await allHear('first', channels)
  proxy.cut()
  await allHear('after a cut', channels)

  await proxy.close()
  await vi.waitFor(
    async () => expect(await other`select from pg_stat_activity where query like 'listen "driver_%'`).toHaveLength(0),
    10_000,
  )
  const stopped = hearing[1]!.unlisten().catch((error) => error.code)
  expect(await stopped).toMatch(/CONNECTION_CLOSED|ECONN/)
  proxy = await startProxy(database.url, at)
  await allHear('after an outage', ['driver_a', 'driver_c'])
})

test('bytes are sent as they are, beside texts, nulls and parameters of a type that is not named', async () => {
  const sql = open(1)
  const bytes = Buffer.from(Array.from({ length: 70_000 }, (_, i) => i % 256))
  const nothing = Buffer.alloc(0)
  const ask = () => sql`
    select ${bytes}::bytea as bytes, ${'é'} as text, ${null}::bytea as none, ${nothing}::bytea as nothing, ${7}::int as seven,
      octet_length(${new Uint8Array(bytes)}) as length, ${sql.typed(Buffer.from([0, 0, 1, 0]), 0)}::int as int`
  const answer = { bytes, text: 'é', none: null, nothing, seven: 7, length: 70_000, int: 256 }
  expect(await Promise.all([ask(), ask()])).toEqual([[answer], [answer]])
})

test('of several hosts each is tried once: the one that answers serves, and when none does that is an error', async () => {
  const closed = createServer().listen(0, '127.0.0.1')
  await once(closed, 'listening')
  const nowhere = `127.0.0.1:${(closed.address() as AddressInfo).port}`
  closed.close()
  await once(closed, 'close')
  const { host, username, password } = new URL(inject('postgresUrl'))
  const at = (...hosts: string[]) =>
    connect(`postgres://${username}:${password}@${hosts.join(',')}/postgres?target_session_attrs=primary`, {
      max: 2,
      role: null,
    })
  for (const sql of [at(nowhere, host), at(host, nowhere)]) {
    expect(await Promise.all([sql`select 1 as one`, sql`select 1 as one`])).toEqual([[{ one: 1 }], [{ one: 1 }]])
    await disconnect(sql)
  }
  const none = at(nowhere, nowhere)
  await expect(none`select 1`).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  await disconnect(none)
})
