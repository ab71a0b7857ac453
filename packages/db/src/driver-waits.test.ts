import type { Socket } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { afterAll, beforeAll, expect, onTestFinished, test, vi } from 'vitest'
import type { ConnectOptions, Sql } from './connect.ts'
import { connect, disconnect } from './connect.ts'
import type { TestDatabase } from './testing/database.ts'
import { createTestDatabase } from './testing/database.ts'
import { startProxy } from './testkit/proxy.ts'

// What the patch of the driver promises to whoever waits for a connection: see ADR 0006. Beside driver.test.ts, which is long enough.
let database: TestDatabase
let other: Sql
beforeAll(async () => {
  database = await createTestDatabase()
  other = connect(database.url, { max: 2, role: null })
})
afterAll(async () => {
  await disconnect(other)
  await database.drop()
})

function open(options: ConnectOptions, url = database.url): Sql {
  const sql = connect(url, { role: null, ...options })
  onTestFinished(() => disconnect(sql))
  return sql
}
const pidOf = async (sql: { unsafe: Sql['unsafe'] }): Promise<number> =>
  (await sql.unsafe('select pg_backend_pid() as pid'))[0]!.pid
const kill = (pid: number) => other`select pg_terminate_backend(${pid}, 5000)`
/** A lost waiter is never answered: that is a failure in words, not a test that runs out of time. */
const answer = <T>(asked: PromiseLike<T>) => Promise.race([asked, wait(15_000, 'no answer' as const, { ref: false })])
const outcome = (asked: PromiseLike<unknown>) =>
  answer(
    asked.then(
      () => 'done',
      (error: { code?: string }) => error.code,
    ),
  )
const seven = async (sql: { unsafe: Sql['unsafe'] }) => (await answer(sql.unsafe('select 7 as y'))) as unknown[]

/** A port that nobody listens on, and a database there later. */
async function portOfLater() {
  const proxy = await startProxy(database.url)
  await proxy.close()
  return { url: proxy.url, start: () => startProxy(database.url, Number(new URL(proxy.url).port)) }
}

test('reservations are served on connections that open after the types are known', async () => {
  const sql = open({ max: 4 })
  await sql`select 1`
  await kill(await pidOf(sql))
  // The client sees the end of that connection a moment later.
  await vi.waitFor(async () => expect(await seven(sql)).toEqual([{ y: 7 }]), { timeout: 15_000 })
  const held = await answer(Promise.all([1, 2, 3, 4].map(() => sql.reserve())))
  expect(held).toHaveLength(4)
  if (held === 'no answer') return
  const pids = await Promise.all(held.map(pidOf))
  expect(new Set(pids).size).toBe(4)
  for (const each of held) each.release()
  expect(await seven(sql)).toEqual([{ y: 7 }])
})

test('a reservation that a refused connection ended is not served later, at the expense of others', async () => {
  const { url, start } = await portOfLater()
  const sql = open({ max: 2 }, url)
  const refused = await Promise.all([1, 2, 3, 4].map(() => outcome(sql.reserve())))
  expect(refused).toEqual(Array(4).fill('ECONNREFUSED'))
  const proxy = await start()
  onTestFinished(() => proxy.close())
  const held = await answer(Promise.all([sql.reserve(), sql.reserve()]))
  expect(held).toHaveLength(2)
  if (held === 'no answer') return
  for (const each of held) {
    expect(await seven(each)).toEqual([{ y: 7 }])
    each.release()
  }
  expect(await seven(sql)).toEqual([{ y: 7 }])
})

test('a query that was given up while its connection opened leaves the connection to others', async () => {
  const proxy = await startProxy(database.url)
  onTestFinished(() => proxy.close())
  const sql = open({ max: 1 }, proxy.url)
  const givenUp = sql`select 1`.execute()
  // The driver calls the server in the next turn of the loop.
  await wait(0)
  givenUp.cancel()
  await expect(givenUp).rejects.toMatchObject({ code: '57014' })
  expect(await seven(sql)).toEqual([{ y: 7 }])
  expect(await outcome(sql.reserve().then((held) => held.release()))).toBe('done')
})

test('a query that is given up behind others leaves each answer to its own query', async () => {
  const sql = open({ max: 1 })
  await sql`select 1`
  const slow = sql`select 'slow' as name from pg_sleep(0.3)`.execute()
  const givenUp = sql`select 'given up' as name, 1 as more from pg_sleep(2)`.execute()
  const next = sql`select 'next' as name`.execute()
  await wait(0)
  givenUp.cancel()
  expect(await answer(slow)).toEqual([{ name: 'slow' }])
  // A server that is asked between two queries passes over it.
  expect(['57014', 'done']).toContain(await outcome(givenUp))
  expect(await answer(next)).toEqual([{ name: 'next' }])
})

test('a statement that was given up before its turn in a transaction does not hold up the ones behind it', async () => {
  const sql = open({ max: 1 })
  const done = sql.begin(async (tx) => {
    // More than the driver sends at once: the last ones wait in its queue.
    const asked = Array.from({ length: 150 }, (_, i) => tx`select ${i}::int as i`.execute())
    await wait(0)
    asked[140]!.cancel()
    const settled = await Promise.allSettled(asked)
    expect(settled.flatMap((s, i) => (s.status === 'rejected' ? [i] : []))).toEqual([140])
  })
  expect(await outcome(done)).toBe('57014')
  expect(await seven(sql)).toEqual([{ y: 7 }])
})

test('parameters that cannot be sent fail their own query, and neither the one before it nor the ones after it', async () => {
  const sql = open({ max: 1 })
  const invalid = new Date(Number.NaN)
  const asked = [
    sql`select 1 as y from pg_sleep(0.2)`,
    sql`select ${invalid}::timestamptz`,
    sql`select ${undefined as never}`,
    sql`select 2 as y`,
  ]
  const settled = await answer(Promise.allSettled(asked))
  expect(settled).toMatchObject([
    { status: 'fulfilled', value: [{ y: 1 }] },
    { status: 'rejected' },
    { status: 'rejected' },
    { status: 'fulfilled', value: [{ y: 2 }] },
  ])
  expect(await outcome(sql`select ${undefined as never}`)).toBe('UNDEFINED_VALUE')
  const [failed, next] = await Promise.all([outcome(sql`select ${undefined as never}`), seven(sql)])
  expect([failed, next]).toEqual(['UNDEFINED_VALUE', [{ y: 7 }]])
  expect(await outcome(sql.reserve().then((held) => held.release()))).toBe('done')
})

test('who waits for a connection when the pool ends is refused, and the end does not wait for what was given back', async () => {
  const sql = open({ max: 1 })
  const held = await sql.reserve()
  const waiting = [outcome(sql`select 1`), outcome(sql.reserve()), outcome(sql.begin((tx) => tx`select 1`))]
  await wait(0)
  const ending = sql.end()
  expect(await Promise.all(waiting)).toEqual(Array(3).fill('CONNECTION_ENDED'))
  expect(await outcome(sql.reserve())).toBe('CONNECTION_ENDED')
  expect(await seven(held)).toEqual([{ y: 7 }])
  held.release()
  expect(await outcome(ending)).toBe('done')
})

test('what waits in a reservation is carried out before the connection is given back', async () => {
  const sql = open({ max: 1 })
  const held = await sql.reserve()
  const asked = Array.from({ length: 150 }, (_, i) => held`select ${i}::int as i`.execute())
  await wait(0)
  held.release()
  held.release()
  expect(await answer(Promise.all(asked))).toHaveLength(150)
  await expect(held`select 1`).rejects.toMatchObject({ code: 'CONNECTION_RELEASED' })
  expect(await seven(sql)).toEqual([{ y: 7 }])
})

test('every wait for a connection has an end', async () => {
  const sql = open({ max: 1, waitSeconds: 0.3 })
  const held = await sql.reserve()
  const waits = [outcome(sql`select 1`), outcome(sql.reserve()), outcome(sql.begin((tx) => tx`select 1`))]
  expect(await Promise.all(waits)).toEqual(Array(3).fill('CONNECT_TIMEOUT'))
  held.release()
  expect(await seven(sql)).toEqual([{ y: 7 }])
})

test('a server that stands still bounds the wait for a connection, and the end of the pool', async () => {
  const sockets: Socket[] = []
  const { createServer } = await import('node:net')
  const mute = createServer((socket) => sockets.push(socket.on('error', () => {}).resume())).listen(0, '127.0.0.1')
  await vi.waitFor(() => expect(mute.listening).toBe(true), 10_000)
  const { port } = mute.address() as { port: number }
  const sql = open({ max: 2, waitSeconds: 0.5 }, `postgres://u:p@127.0.0.1:${port}/d`)
  const waits = Array.from({ length: 6 }, (_, i) => outcome(i % 2 ? sql.reserve() : sql`select 1`))
  expect(await Promise.all(waits)).toEqual(Array(6).fill('CONNECT_TIMEOUT'))
  await disconnect(sql, 0.2)
  await vi.waitFor(() => expect(sockets.every((s) => s.destroyed)).toBe(true), 10_000)
  mute.close()
  for (const socket of sockets) socket.destroy()
})

test('where the server takes no more connections, queries wait for those that there are', async () => {
  const role = `few_${process.pid}`
  await other.unsafe(`create role ${role} login password 'x' connection limit 2`)
  const url = new URL(database.url)
  ;[url.username, url.password] = [role, 'x']
  const sql = open({ max: 6, waitSeconds: 10 }, url.href)
  const asked = Array.from({ length: 24 }, async (_, i) => {
    if (i % 3 === 0) return sql.begin((tx) => tx`select ${i}::int as i, pg_sleep(0.02)`)
    if (i % 3 === 1) return sql`select ${i}::int as i, pg_sleep(0.02)`
    const held = await sql.reserve()
    return held`select ${i}::int as i, pg_sleep(0.02)`.finally(() => held.release())
  })
  const rows = await answer(Promise.all(asked))
  expect(rows).toHaveLength(24)
  expect((rows as unknown as { i: number }[][]).map((r) => r[0]!.i)).toEqual(asked.map((_, i) => i))

  // Others have all of them: the wait ends with the reason.
  const elsewhere = open({ max: 1, waitSeconds: 0.5 }, url.href)
  const held = await Promise.all([sql.reserve(), sql.reserve()])
  expect(await outcome(elsewhere`select 1`)).toBe('53300')
  const patient = open({ max: 1, waitSeconds: 20 }, url.href)
  const later = seven(patient)
  for (const each of held) each.release()
  await disconnect(sql)
  expect(await later).toEqual([{ y: 7 }])
  await disconnect(patient)
  await disconnect(elsewhere)
  await other.unsafe(`drop role ${role}`)
})

test('the server is asked to end a query while a transaction goes on: what comes next is sent when it has read that', async () => {
  const sql = open({ max: 1 })
  for (let round = 0; round < 5; round++) {
    const slow = sql`select pg_sleep(20)`.execute()
    await wait(20)
    slow.cancel()
    const next = sql.begin((tx) => tx`select 7 as y from pg_sleep(0.02)`)
    expect(await outcome(slow)).toBe('57014')
    expect(await answer(next)).toEqual([{ y: 7 }])
    const ends = sql.begin((tx) => {
      const last = tx`select pg_sleep(20)`.execute()
      setTimeout(() => last.cancel(), 20)
      return last
    })
    expect(await outcome(ends)).toBe('57014')
  }
  expect(await seven(sql)).toEqual([{ y: 7 }])
})

test('nothing is sent behind a COPY: what is asked meanwhile is answered after it', async () => {
  const sql = open({ max: 1, waitSeconds: 20 })
  await sql`select 1`
  const stream = await sql.unsafe("copy (select repeat('x', 1000) from generate_series(1, 20000)) to stdout").readable()
  const asked = [seven(sql), seven(sql)]
  const held = outcome(sql.reserve().then((one) => one.release()))
  await wait(20)
  let bytes = 0
  for await (const chunk of stream as AsyncIterable<Buffer>) bytes += chunk.length
  expect(bytes).toBe(20_000 * 1001)
  expect(await Promise.all(asked)).toEqual([[{ y: 7 }], [{ y: 7 }]])
  expect(await held).toBe('done')
})
