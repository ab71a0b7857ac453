import { once } from 'node:events'
import { mkdir, mkdtemp, rm, truncate, writeFile } from 'node:fs/promises'
import { connect } from 'node:net'
import type { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { FastifyInstance, RouteOptions } from 'fastify'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import type { AppOptions } from '../app.ts'
import { createApp } from '../app.ts'
import { createLogger } from '../kernel/log.ts'
import type { TestPlatform } from '../testing/platform.ts'
import { testPlatform } from '../testing/platform.ts'
import type { TestServer } from '../testing/server.ts'
import { listen, owner } from '../testing/server.ts'
import type { EdgeSettings } from './variables.ts'

// A server of its own: its limits are so small that other tests would meet them.
const limits = { headersMs: 2_000, stallMs: 1_500, stallBytes: 512, batch: 4, connectionsPerAddress: 400 }
const routes = new Set<string>()
let dashboard: string
let tested: TestPlatform
let server: TestServer
let apiKey: string
beforeAll(async () => {
  dashboard = await mkdtemp(join(tmpdir(), 'stewrd-edge-'))
  await mkdir(join(dashboard, 'assets'))
  await writeFile(join(dashboard, 'assets', 'large.js'), '')
  await truncate(join(dashboard, 'assets', 'large.js'), 64 * 1024 * 1024)
  tested = await testPlatform()
  const onRoute = ({ method, url }: RouteOptions) => {
    const methods = [method].flat()
    if (methods.length > 2) routes.add(`ANY ${url}`)
    else for (const one of methods) if (one !== 'HEAD') routes.add(`${one} ${url}`)
  }
  server = await listen(tested.platform, dashboard, { edge: { limits }, onRoute })
  apiKey = (await server.client.projects.create.mutate({ name: 'Edge' })).apiKey!
  // From then on the log has a checkpoint to show.
  const signed = async () => {
    if (!(await fetch(`${server.url}/log/checkpoint`)).ok) throw new Error('nothing was signed')
  }
  await vi.waitFor(signed, { timeout: 20_000 })
})
afterAll(async () => {
  await server?.close()
  await tested?.close()
  await rm(dashboard, { recursive: true, force: true })
})

/** How each route answers a body that is too large: without a session or key, and with. Pages and lists take none and do not look. */
const rows: Record<string, { without: number; with: number }> = {
  'GET /': { without: 200, with: 200 },
  'GET /assets/large.js': { without: 200, with: 200 },
  'GET /healthz': { without: 200, with: 200 },
  'GET /readyz': { without: 200, with: 200 },
  'GET /api/auth/*': { without: 404, with: 404 },
  'POST /api/auth/*': { without: 413, with: 413 },
  'ANY /trpc/:path': { without: 401, with: 413 },
  'GET /docs': { without: 200, with: 200 },
  'GET /docs/errors': { without: 200, with: 200 },
  'GET /docs/fonts/inter.woff2': { without: 200, with: 200 },
  'GET /docs/fonts/jetbrains-mono.woff2': { without: 200, with: 200 },
  'GET /log/checkpoint': { without: 200, with: 200 },
  'GET /log/tile/*': { without: 404, with: 404 },
  'ANY /log/*': { without: 404, with: 404 },
  'GET /api/proof/:projectId': { without: 401, with: 400 },
  'ANY /v1': { without: 404, with: 404 },
  'ANY /v1/*': { without: 404, with: 404 },
  'GET /v1/openapi.json': { without: 200, with: 200 },
  'POST /v1/agent': { without: 401, with: 413 },
  'GET /v1/agent/:id': { without: 401, with: 404 },
  'GET /v1/agent/:id/stream': { without: 401, with: 404 },
  'POST /v1/agent/:id/tool-outputs': { without: 401, with: 413 },
  'DELETE /v1/agent/:id': { without: 401, with: 413 },
  'GET /v1/usage': { without: 401, with: 200 },
  'POST /v1/chat/completions': { without: 401, with: 413 },
  'GET /v1/models': { without: 401, with: 503 },
  'GET /v1/models/*': { without: 401, with: 503 },
  'GET /v1/models/:id': { without: 401, with: 503 },
  'POST /v1/files': { without: 401, with: 413 },
  'GET /v1/files/:id': { without: 401, with: 404 },
  'DELETE /v1/files/:id': { without: 401, with: 413 },
  'GET /v1/files/:id/content': { without: 401, with: 404 },
  'POST /v1/sessions': { without: 401, with: 413 },
  'GET /v1/sessions/:id': { without: 401, with: 404 },
  'DELETE /v1/sessions/:id': { without: 401, with: 413 },
  'GET /v1/sessions/:id/messages': { without: 401, with: 404 },
  'POST /v1/sessions/:id/messages': { without: 401, with: 413 },
}

type Raw = { status: number; text: string; socket: Socket }
const dial = async () => {
  const socket = connect(Number(new URL(server.url).port), '127.0.0.1').on('error', () => {})
  await once(socket, 'connect')
  return socket
}
const closing = (socket: Socket) => new Promise((resolve) => socket.once('close', resolve))
/** Sends `head`, then `body` piece by piece every `everyMs`, and reads until the server closes the connection. */
async function untilClosed(head: string, body: Iterable<string | Buffer> = [], everyMs = 0): Promise<Raw> {
  const socket = await dial()
  const closed = closing(socket)
  let text = ''
  socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')))
  socket.write(head)
  const pieces = body[Symbol.iterator]()
  const timer = setInterval(() => {
    const next = pieces.next()
    if (next.done || socket.destroyed) clearInterval(timer)
    else socket.write(next.value)
  }, everyMs)
  await closed.finally(() => clearInterval(timer))
  return { status: Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1] ?? 0), text, socket }
}
const headOf = (route: string, headers: Record<string, string | number>) => {
  const [method, url] = route.split(' ') as [string, string]
  const path = url
    .replace('/trpc/:path', '/trpc/projects.create')
    .replace(':id', 'x')
    .replace(':projectId', 'x')
    .replace('*', 'x')
  const lines = Object.entries({ host: new URL(server.url).host, origin: server.url, ...headers }).map(
    ([n, v]) => `${n}: ${v}\r\n`,
  )
  return `${method.replace('ANY', 'POST')} ${path} HTTP/1.1\r\n${lines.join('')}\r\n`
}
const credentials = () => ({ authorization: `Bearer ${apiKey}`, cookie: server.cookie })
const json = { 'content-type': 'application/json' }
function* repeated(piece: string | Buffer, times: number) {
  for (let i = 0; i < times; i++) yield piece
}
const healthy = async () => expect((await fetch(`${server.url}/healthz`)).status).toBe(200)

test('every route has its row', () => {
  expect([...routes].toSorted()).toEqual(Object.keys(rows).toSorted())
})

test('a body of a gigabyte is refused on every route, or not looked at, and its connection ends', async () => {
  const big = { ...json, 'content-length': 1024 ** 3 }
  const answers = await Promise.all(
    Object.keys(rows).map(async (route) => {
      const [without, signedIn] = await Promise.all([
        untilClosed(headOf(route, big), repeated('x'.repeat(65_536), 4)),
        untilClosed(headOf(route, { ...big, ...credentials() }), repeated('x'.repeat(65_536), 4)),
      ])
      return [route, { without: without.status, with: signedIn.status }]
    }),
  )
  expect(Object.fromEntries(answers)).toEqual(rows)
  await healthy()
}, 60_000)

test('a body or headers that trickle in are cut off on every route', async () => {
  const slow = { ...json, ...credentials(), 'content-length': 100_000 }
  const results = await Promise.all(
    Object.keys(rows).flatMap((route) => [
      untilClosed(headOf(route, slow), repeated('1', 1_000), 100),
      untilClosed(headOf(route, {}).slice(0, -2), repeated('x', 1_000), 100),
    ]),
  )
  for (const { text } of results) expect(text).toMatch(/^HTTP\/1\.1 \d{3} /)
  expect(results.filter(({ status }) => status === 408).length).toBeGreaterThan(Object.keys(rows).length)
  await healthy()
}, 60_000)

test('headers that are too large are refused on every route', async () => {
  const results = await Promise.all(
    Object.keys(rows).map((route) => untilClosed(headOf(route, { 'x-large': 'x'.repeat(20_000) }))),
  )
  expect(new Set(results.map(({ status }) => status))).toEqual(new Set([413]))
  await healthy()
}, 60_000)

test('a form for tRPC is not read, however long it is', async () => {
  const form = { 'content-type': 'multipart/form-data; boundary=x', 'transfer-encoding': 'chunked' }
  const piece = Buffer.concat([Buffer.from('100000\r\n'), Buffer.alloc(1024 * 1024), Buffer.from('\r\n')])
  const before = process.memoryUsage().arrayBuffers
  const { status, socket } = await untilClosed(headOf('ANY /trpc/:path', form), repeated(piece, 1_024))
  expect([0, 401, 415]).toContain(status)
  expect(socket.bytesWritten - socket.writableLength).toBeLessThan(200 * 1024 ** 2)
  expect(process.memoryUsage().arrayBuffers - before - socket.writableLength).toBeLessThan(200 * 1024 ** 2)
  await healthy()
}, 60_000)

test('a batch has only so many calls', async () => {
  const batch = (calls: number) =>
    fetch(`${server.url}/trpc/${Array(calls).fill('me').join(',')}?batch=1&input={}`, {
      headers: { cookie: server.cookie },
    })
  expect((await batch(4)).status).toBe(200)
  expect((await batch(5)).status).toBe(400)
})

test('an upload that is slow but makes progress is not cut off', async () => {
  const body = `--x\r\ncontent-disposition: form-data; name="file"; filename="a.txt"\r\n\r\n${'x'.repeat(15_000)}\r\n--x--\r\n`
  const head = headOf('POST /v1/files', {
    ...credentials(),
    'content-type': 'multipart/form-data; boundary=x',
    'content-length': body.length,
    connection: 'close',
  })
  const pieces = body.match(/[^]{1,1000}/g)!
  expect((await untilClosed(head, pieces, 200)).status).toBe(201)
}, 60_000)

test('a client is not blamed for time in which the server stood still', async () => {
  const body = `--x\r\ncontent-disposition: form-data; name="file"; filename="a.txt"\r\n\r\n${'x'.repeat(2_000)}\r\n--x--\r\n`
  const head = headOf('POST /v1/files', {
    ...credentials(),
    'content-type': 'multipart/form-data; boundary=x',
    'content-length': body.length,
    connection: 'close',
  })
  const stoodStill = setTimeout(
    () => Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 2 * limits.stallMs),
    300,
  )
  expect((await untilClosed(head, body.match(/[^]{1,600}/g)!, 500)).status).toBe(201)
  clearTimeout(stoodStill)
}, 60_000)

test('a client that does not read its answer is cut off', async () => {
  server.logs.length = 0
  const socket = await dial()
  const closed = closing(socket)
  socket.pause().write(headOf('GET /assets/large.js', {}))
  await expect
    .poll(() => server.logs.find((line) => line.includes('cut off')), { timeout: 30_000 })
    .toContain('/assets/large.js')
  socket.resume()
  await closed
  expect(socket.bytesRead).toBeLessThan(64 * 1024 * 1024)
  await healthy()
}, 60_000)

test('one address cannot take every connection', async () => {
  const sockets = await Promise.all(Array.from({ length: limits.connectionsPerAddress + 50 }, dial))
  await expect.poll(() => sockets.filter(({ destroyed }) => destroyed).length).toBeGreaterThanOrEqual(50)
  for (const socket of sockets) socket.destroy()
  await expect
    .poll(() =>
      fetch(`${server.url}/healthz`).then(
        ({ status }) => status,
        () => 0,
      ),
    )
    .toBe(200)
})

test.each([
  ['a file without an extension in its form', 'multipart/form-data; boundary=x', 'POST /v1/files', true, 400],
  ['a file without a key', 'multipart/form-data; boundary=x', 'POST /v1/files', false, 401],
  ['a run without a key', 'application/json', 'POST /v1/agent', false, 401],
  ['a message of an unknown kind', 'text/csv', 'POST /v1/agent', true, 400],
  ['an address that is not there', 'application/json', 'ANY /v1/*', true, 404],
])(
  'after %s was refused, the next request of its connection is answered at once',
  async (_what, type, route, known, status) => {
    const form = `--x\r\ncontent-disposition: form-data; name="file"; filename=""\r\ncontent-type: text/plain\r\n\r\n${'x'.repeat(500_000)}\r\n--x--\r\n`
    const head = headOf(route, { 'content-type': type, 'content-length': form.length, ...(known && credentials()) })
    const next = headOf('GET /healthz', { connection: 'close' })
    const { text } = await untilClosed(head + form + next)
    expect(text.match(/HTTP\/1\.1 \d+/g)).toEqual([`HTTP/1.1 ${status}`, 'HTTP/1.1 200'])
  },
  30_000,
)

async function withApp(options: Partial<AppOptions>, check: (app: FastifyInstance) => Promise<void>) {
  const app = await createApp({
    platform: tested.platform,
    log: createLogger({ production: true, logLevel: 'silent' }),
    ...options,
  })
  try {
    await check(app)
  } finally {
    await app.close()
  }
}

test('a request under a host name that is not the server’s is refused, with the setting to change and without that name', () =>
  withApp(
    { publicUrl: 'https://stewrd.example', edge: { allowedHosts: ['10.0.0.7', 'Other.Example'] } },
    async (app) => {
      const status = async (host: string, url = '/docs') => (await app.inject({ url, headers: { host } })).statusCode
      for (const host of [
        'stewrd.example',
        'STEWRD.example:8443',
        'stewrd.example.',
        '10.0.0.7:4400',
        'other.example',
        'localhost:1',
        '127.0.0.1',
        '[::1]:4400',
      ])
        expect([host, await status(host)]).toEqual([host, 200])
      for (const host of ['evil.example', '10.0.0.8', 'localhost.evil.example', 'stewrd.example@evil.example'])
        expect([host, await status(host)]).toEqual([host, 421])
      const refused = await app.inject({
        url: '/',
        headers: { host: 'evil.example', 'x-forwarded-host': 'stewrd.example' },
      })
      expect(refused.statusCode).toBe(421)
      expect(refused.body).toMatch(/STEWRD_PUBLIC_URL.*STEWRD_ALLOWED_HOSTS/)
      expect(refused.body + JSON.stringify(refused.headers)).not.toContain('evil')
      expect(await status('10.9.9.9', '/healthz')).toBe(200)
      expect(await status('10.9.9.9', '/readyz?probe')).toBe(200)
    },
  ))

test('what may be cached names no host that a client chose', async () => {
  await withApp({ edge: { allowedHosts: ['one.example'] } }, async (app) => {
    for (const url of ['/docs', '/v1/openapi.json', '/v1/nothing', '/docs/errors', '/healthz', '/log/checkpoint']) {
      const { headers, body } = await app.inject({ url, headers: { host: 'one.example' } })
      const echoes = headers['cache-control'] !== 'no-store' && body.includes('one.example')
      expect([url, echoes]).toEqual([url, false])
      expect(headers['location']).toBeUndefined()
    }
  })
})

test('a client’s address is what a trusted proxy says, and nobody else', async () => {
  const clientOf = async (edge: Partial<EdgeSettings>, forwarded: string) => {
    const lines: string[] = []
    const log = createLogger({ production: true, logLevel: 'info' }, { write: (line) => void lines.push(line) })
    await withApp({ log, edge }, async (app) => {
      await app.inject({ url: '/healthz', remoteAddress: '10.1.2.3', headers: { 'x-forwarded-for': forwarded } })
    })
    return (JSON.parse(lines.find((line) => line.includes('"request"'))!) as { client: string }).client
  }
  expect(await clientOf({ trustedProxies: ['10.1.0.0/16'] }, '203.0.113.9')).toBe('203.0.113.9')
  expect(await clientOf({ trustedProxies: ['10.1.2.3'] }, '198.51.100.1, 203.0.113.9')).toBe('203.0.113.9')
  expect(await clientOf({ trustedProxies: ['10.2.0.0/16'] }, '203.0.113.9')).toBe('10.1.2.3')
  expect(await clientOf({}, '203.0.113.9')).toBe('10.1.2.3')
})

test('wrong sign-ins of one client behind a proxy do not lock another one out', () =>
  withApp({ edge: { trustedProxies: ['10.1.2.3'] } }, async (app) => {
    const signIn = async (client: string, password: string) => {
      const { statusCode } = await app.inject({
        method: 'POST',
        url: '/api/auth/sign-in/email',
        remoteAddress: '10.1.2.3',
        headers: { 'x-forwarded-for': client, host: 'localhost:4400', origin: 'http://localhost:4400' },
        payload: { email: owner.email, password },
      })
      return statusCode
    }
    const wrong: number[] = []
    while (wrong.at(-1) !== 429 && wrong.length < 40) wrong.push(await signIn('203.0.113.9', 'not the password'))
    expect(wrong.at(-1)).toBe(429)
    expect(await signIn('203.0.113.9', owner.password)).toBe(429)
    expect(await signIn('203.0.113.10', owner.password)).toBe(200)
  }))
