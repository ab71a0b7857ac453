// A server of its own: it speaks TLS, with the certificate of testdata/tls.
import { once } from 'node:events'
import { chmod, chown, copyFile, mkdtemp, readFile, rm } from 'node:fs/promises'
import type { AddressInfo, Socket } from 'node:net'
import { connect as dial, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect as dialTls, createSecureContext, TLSSocket } from 'node:tls'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { connect, disconnect } from './connect.ts'
import type { EmbeddedPostgres } from './embedded/embedded.ts'
import { startEmbedded } from './embedded/embedded.ts'
import { postgresUser } from './embedded/location.ts'

const testdata = new URL('../../../testdata/tls/', import.meta.url)
let home: string
let files: string
let server: EmbeddedPostgres
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'stewrd-tls-'))
  files = await mkdtemp(join(tmpdir(), 'stewrd-tls-files-'))
  await chmod(files, 0o755)
  for (const name of ['server.pem', 'server.key', 'other.pem']) {
    await copyFile(new URL(name, testdata), join(files, name))
    await chmod(join(files, name), 0o600)
    if (postgresUser) await chown(join(files, name), postgresUser.uid, postgresUser.gid)
  }
  const settings = { ssl: 'on', ssl_cert_file: join(files, 'server.pem'), ssl_key_file: join(files, 'server.key') }
  server = await startEmbedded({ home, as: 'server', settings })
})
afterAll(async () => {
  await server.stop()
  await rm(home, { recursive: true })
  await rm(files, { recursive: true })
})

/** Whether the session is encrypted; or the code of the error that there is none. */
async function session(url: string, query: string): Promise<boolean | string> {
  const sql = connect(`${url}?${query}`, { max: 1, role: null })
  try {
    const [row] = await sql<{ ssl: boolean }[]>`select ssl from pg_stat_ssl where pid = pg_backend_pid()`
    return row!.ssl
  } catch (error) {
    return (error as { code: string }).code
  } finally {
    await disconnect(sql, 1)
  }
}
const root = (name: string) => `sslrootcert=${encodeURIComponent(join(files, name))}`

test('a connection is as secure as its URL says', async () => {
  const named = server.url.replace('127.0.0.1', 'localhost')
  expect(await session(server.url, 'sslmode=disable')).toBe(false)
  for (const query of ['sslmode=prefer', 'sslmode=require', 'sslmode=require&channel_binding=require'])
    expect(await session(server.url, query)).toBe(true)
  for (const mode of ['verify-ca', 'verify-full'])
    for (const url of [server.url, named]) {
      expect(await session(url, `sslmode=${mode}&${root('server.pem')}`)).toBe(true)
      expect(await session(url, `sslmode=${mode}&${root('other.pem')}`)).toMatch(/SELF_SIGNED|UNABLE_TO_VERIFY/)
    }
  expect(await session(server.url, 'sslmode=verify-full')).toMatch(/SELF_SIGNED/)
})

test('where SCRAM must be bound to the channel, nobody who ends TLS in between gets a session', async () => {
  const between = await inBetween(server.url)
  expect(await session(between.url, 'sslmode=require')).toBe(true)
  expect(await session(between.url, 'sslmode=require&channel_binding=require')).toBe('28000')
  await between.close()
  expect(await session(server.url, 'sslmode=disable&channel_binding=require')).toBe('CHANNEL_BINDING_UNAVAILABLE')
})

/** Ends TLS with another certificate, and passes on what is said. */
async function inBetween(url: string) {
  const [cert, key] = await Promise.all(['other.pem', 'other.key'].map((name) => readFile(new URL(name, testdata))))
  const secureContext = createSecureContext({ cert, key })
  const asksForTls = Buffer.from([0, 0, 0, 8, 4, 210, 22, 47])
  const { port } = new URL(url)
  const listening = createServer((client) => void passOn(client)).listen(0, '127.0.0.1')
  const passOn = async (client: Socket) => {
    await once(client, 'readable')
    client.read(asksForTls.length)
    client.write('S')
    const near = new TLSSocket(client, { isServer: true, secureContext })
    const socket = dial(Number(port), '127.0.0.1')
    socket.write(asksForTls)
    await once(socket, 'readable')
    socket.read(1)
    const far = dialTls({ socket, rejectUnauthorized: false })
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      from.on('error', () => to.destroy())
      from.on('close', () => to.destroy())
      from.pipe(to)
    }
  }
  await once(listening, 'listening')
  const way = new URL(url)
  way.port = String((listening.address() as AddressInfo).port)
  return {
    url: way.href,
    close: () => new Promise((resolve) => listening.close(resolve)),
  }
}
