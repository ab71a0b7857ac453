import { once } from 'node:events'
import type { Socket } from 'node:net'
import { connect as dial, createServer } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { StoreUnavailable } from '@stewrd/core/kernel/execute.ts'
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest'
import { connect, disconnect } from './connect.ts'
import { runWithin } from './db-error.ts'
import type { TestDatabase } from './testing/database.ts'
import { createTestDatabase } from './testing/database.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.drop())

function open(url = database.url) {
  const sql = connect(url, { max: 1, role: null })
  onTestFinished(() => disconnect(sql))
  return sql
}

test('a query that is given up behind others leaves its answer to nobody else', async () => {
  const sql = open()
  await sql`select 1`
  const slow = sql`select 'slow' as name from pg_sleep(0.5)`.execute()
  const givenUp = runWithin(sql`select 'given up' as name, 1 as more`, 100)
  const next = sql`select 'next' as name`.execute()
  const last = sql`select 'last' as name`.execute()
  await expect(givenUp).rejects.toBeInstanceOf(StoreUnavailable)
  expect((await slow)[0]).toEqual({ name: 'slow' })
  expect((await next)[0]).toEqual({ name: 'next' })
  expect((await last)[0]).toEqual({ name: 'last' })
  expect((await sql`select 'later' as name`)[0]).toEqual({ name: 'later' })
})

test('an answer that came while this process stood still is taken, though its time is over', async () => {
  const sql = open()
  await sql`select 1`
  const asked = runWithin(sql`select 'here' as name from pg_sleep(0.1)`, 500)
  await wait(20)
  await standStill(1_500)
  expect(await asked).toEqual([{ name: 'here' }])
  const late = runWithin(sql`select pg_sleep(30)`, 500)
  await wait(20)
  await standStill(1_500)
  await expect(late).rejects.toBeInstanceOf(StoreUnavailable)
})

/** As after SIGSTOP: timers are over, and are looked at before what came meanwhile is read. */
const standStill = (ms: number) =>
  new Promise<void>((resolve) => {
    setImmediate(() => {
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
      resolve()
    })
  })

test('a query that is given up while it is carried out ends, and the next one is answered', async () => {
  const sql = open()
  await sql`select 1`
  const givenUp = runWithin(sql`select pg_sleep(30)`, 100)
  const next = sql`select 'next' as name`.execute()
  await expect(givenUp).rejects.toBeInstanceOf(StoreUnavailable)
  expect((await next)[0]).toEqual({ name: 'next' })
})

test('a query that is given up before it was sent is not carried out', async () => {
  const sql = open()
  await sql`create table given_up (at text)`
  // A transaction holds the only connection.
  const held = sql.begin((tx) => tx`select pg_sleep(0.4)`)
  await wait(50)
  await expect(runWithin(sql`insert into given_up values ('late')`, 100)).rejects.toBeInstanceOf(StoreUnavailable)
  await held
  expect(await sql`select from given_up`).toHaveLength(0)
})

test('giving up a query of a server that takes no connection any more is no error of its own', async () => {
  const { hostname, port } = new URL(database.url)
  const sockets: Socket[] = []
  const proxy = createServer((client) => {
    const server = dial(Number(port), hostname)
    client.on('error', () => {}).on('close', () => server.destroy())
    server.on('error', () => {}).on('close', () => client.destroy())
    client.pipe(server).pipe(client)
    sockets.push(client)
  }).listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  const url = new URL(database.url)
  url.port = String((proxy.address() as { port: number }).port)
  const sql = open(url.href)
  await sql`select 1`
  proxy.close()
  const failures: unknown[] = []
  const onFailure = (error: unknown) => failures.push(error)
  process.on('unhandledRejection', onFailure)
  await expect(runWithin(sql`select pg_sleep(1)`, 100)).rejects.toBeInstanceOf(StoreUnavailable)
  await wait(200)
  process.off('unhandledRejection', onFailure)
  expect(failures).toEqual([])
  for (const socket of sockets) socket.destroy()
})
