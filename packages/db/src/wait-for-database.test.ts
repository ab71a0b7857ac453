import { once } from 'node:events'
import type { AddressInfo, Socket } from 'node:net'
import { connect as dial, createServer } from 'node:net'
import { StoreUnavailable } from '@stewrd/core/kernel/execute.ts'
import { afterAll, beforeAll, expect, inject, onTestFinished, test } from 'vitest'
import type { TestDatabase } from './testing/database.ts'
import { createTestDatabase } from './testing/database.ts'
import { startProxy } from './testkit/proxy.ts'
import { waitForDatabase } from './wait-for-database.ts'

let database: TestDatabase
beforeAll(async () => {
  database = await createTestDatabase()
})
afterAll(() => database.drop())

/** Refuses whoever connects with `code`, as Postgres does; while it returns undefined, the database is there. */
async function refusing(code: () => string | undefined): Promise<string> {
  const { hostname, port } = new URL(database.url)
  const sockets: Socket[] = []
  const server = createServer((client) => {
    sockets.push(client.on('error', () => {}))
    const refusal = code()
    if (refusal !== undefined) return void client.once('data', () => client.end(errorResponse(refusal)))
    const upstream = dial(Number(port), hostname).on('error', () => client.destroy())
    client.pipe(upstream).pipe(client)
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.close()
    for (const socket of sockets) socket.destroy()
  })
  const url = new URL(database.url)
  url.host = `127.0.0.1:${(server.address() as AddressInfo).port}`
  return url.href
}

function errorResponse(code: string): Buffer {
  const body = Buffer.from(`SFATAL\0VFATAL\0C${code}\0Mwhat the server says\0\0`)
  const head = Buffer.alloc(5, 'E')
  head.writeUInt32BE(body.length + 4, 1)
  return Buffer.concat([head, body])
}

test('a server waits for a database that recovers, and says so', async () => {
  let refusals = 0
  const url = await refusing(() => (refusals++ < 3 ? '57P03' : undefined))
  const said: string[] = []
  const { connections } = await waitForDatabase(url, { as: 'server', onProgress: (step) => said.push(step) })
  expect(connections).toBeGreaterThan(10)
  expect(said).toEqual([
    expect.stringMatching(/^Waiting for the database, \d+ s at most\. .*starting up, or recovering.*\(57P03\)/),
  ])
})

test('a server waits for a database that is not there yet; a command is told at once', async () => {
  const gone = await startProxy(database.url)
  await gone.close()
  const refused = expect.objectContaining({
    message: expect.stringContaining('Nothing listens at the address of the database (ECONNREFUSED)'),
  })
  await expect(waitForDatabase(gone.url, { as: 'command' })).rejects.toEqual(refused)
  await expect(waitForDatabase(gone.url, { as: 'server', withinMs: 600 })).rejects.toEqual(refused)
  const said: string[] = []
  const waiting = waitForDatabase(gone.url, { as: 'server', onProgress: (step) => said.push(step) })
  await expect.poll(() => said.length, { timeout: 10_000 }).toBe(1)
  const proxy = await startProxy(database.url, Number(new URL(gone.url).port))
  onTestFinished(() => proxy.close())
  await waiting
})

test.each(['28000', '28P01', '3D000', '42501', '08P01'])(
  'what waiting does not mend (%s) is said at once, in words',
  async (code) => {
    const url = await refusing(() => code)
    const error: unknown = await waitForDatabase(url, { as: 'server' }).catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ message: expect.stringMatching(new RegExp(`^[A-Z].*\\(${code}\\)\\. [A-Z].*\\.$`)) })
    expect(String(error)).not.toContain('what the server says')
  },
)

test('Postgres itself: a wrong password, a database that is missing, a host that is not known', async () => {
  const password = new URL(database.url)
  password.password = 'wrong'
  await expect(waitForDatabase(password.href, { as: 'server' })).rejects.toThrow(
    'refused the password of its user (28P01)',
  )
  const missing = waitForDatabase(`${inject('postgresUrl')}/no_such_database`, { as: 'server' })
  await expect(missing).rejects.toThrow('does not exist (3D000). Create it')
  const plain = waitForDatabase(`${database.url}?sslmode=require`, { as: 'server' })
  await expect(plain).rejects.toThrow('offers no TLS')
  const unknown = waitForDatabase('postgres://u:p@no-such-host.invalid/d', { as: 'server', withinMs: 300 })
  await expect(unknown).rejects.toBeInstanceOf(StoreUnavailable)
})
