import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib'
import { Agent } from 'undici'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { post, postAsFetch } from './post.ts'

const dispatcher = new Agent({ maxResponseSize: 1_000_000 })
const through = { dispatcher, maxAnswerBytes: 1_000_000 }

function packedAnswer(packing: string, response: ServerResponse): void {
  const name = { 'raw-deflate': 'deflate', bomb: 'gzip', cut: 'gzip' }[packing] ?? packing
  const packers: Record<string, (text: Buffer) => Buffer> = {
    br: brotliCompressSync,
    zstd: zstdCompressSync,
    deflate: deflateSync,
    'raw-deflate': deflateRawSync,
    'gzip,br': (text) => brotliCompressSync(gzipSync(text)),
    bomb: () => gzipSync(Buffer.alloc(200_000_000)),
    cut: (text) => gzipSync(text).subarray(0, -4),
  }
  const bytes = (packers[packing] ?? gzipSync)(Buffer.from('hello'))
  response.writeHead(200, { 'content-encoding': name }).end(bytes)
}
const server = createServer((request, response) => {
  if (request.url === '/empty') response.writeHead(204).end()
  else if (request.url?.startsWith('/packed')) packedAnswer(request.url.split('?')[1]!, response)
  else if (request.url === '/elsewhere') response.writeHead(302, { location: '/' }).end()
  else if (request.url === '/reset') request.socket.destroy()
  else if (request.url === '/never') request.resume()
  else if (request.url === '/long') response.end(Buffer.alloc(5_000_000))
  else if (request.url === '/broken') response.write('half', () => response.destroy())
  else {
    const { host: _, ...headers } = request.headers
    response.writeHead(201, { 'set-cookie': ['a=1', 'b=2'], 'content-type': 'application/json' })
    request.setEncoding('utf8')
    request.on('data', (body: string) => response.end(JSON.stringify({ method: request.method, headers, body })))
  }
})
let at: string
beforeAll(async () => {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  at = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterAll(async () => {
  server.close()
  server.closeAllConnections()
  await dispatcher.close()
})
const send = (path: string, more: { signal?: AbortSignal } = {}) =>
  postAsFetch(through, at + path, {
    headers: new Headers({ 'x-own': 'ä?' }),
    body: '{"ü":1}',
    redirect: 'error',
    ...more,
  })

test('body and headers arrive, and the answer has its status, its headers, each of them, and its body', async () => {
  const response = await send('/')
  expect([response.status, response.ok, response.headers.getSetCookie()]).toEqual([201, true, ['a=1', 'b=2']])
  expect(await response.json()).toMatchObject({
    method: 'POST',
    body: '{"ü":1}',
    headers: { 'accept-encoding': 'identity', 'content-length': '8' },
  })
})

test('an answer without a body is one', async () => {
  const response = await send('/empty')
  expect([response.status, response.body]).toEqual([204, null])
})

test('what is no answer is an error as of fetch, and the next call works', async () => {
  await expect(send('/reset')).rejects.toMatchObject({ name: 'TypeError', message: 'fetch failed' })
  expect((await send('/')).status).toBe(201)
})

test.each(['gzip', 'x-gzip', 'br', 'zstd', 'deflate', 'raw-deflate', 'gzip,br'])(
  'an answer that is packed as %s is unpacked, though that was not asked for',
  async (packing) => {
    expect(await (await send(`/packed?${packing}`)).text()).toBe('hello')
    const answer = await post(through, `${at}/packed?${packing}`, { headers: {}, body: '' })
    expect(await answer.text()).toBe('hello')
  },
)

test('an answer that is packed in an unknown way, or cut, is an error, and the next call works', async () => {
  await expect(send('/packed?compress')).rejects.toMatchObject({ cause: { name: 'UnknownPacking' } })
  await expect((await send('/packed?cut')).text()).rejects.toThrow('unexpected end of file')
  expect((await send('/')).status).toBe(201)
})

test.each(['/packed?bomb', '/long'])('%s: an answer is limited by what it is unpacked', async (path) => {
  await expect((await post(through, at + path, { headers: {}, body: '' })).text()).rejects.toMatchObject(tooLarge)
  await expect(read((await post(through, at + path, { headers: {}, body: '' })).body!)).rejects.toMatchObject(tooLarge)
})
const tooLarge = { name: 'AnswerTooLarge', limitBytes: 1_000_000 }
async function read(body: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const _ of body);
}

test('an answer that breaks off ends in an error', async () => {
  const response = await send('/broken')
  await expect(response.text()).rejects.toThrow('other side closed')
})

test('whoever stops it gets the reason that was given', async () => {
  const stop = new AbortController()
  const reason = new Error('the client went away')
  const asked = send('/never', { signal: stop.signal })
  await once(server, 'request')
  stop.abort(reason)
  await expect(asked).rejects.toBe(reason)
  await expect(send('/', { signal: AbortSignal.abort(reason) })).rejects.toBe(reason)
})

test.each(['/', '/broken', '/long'])(
  '%s: a body that nobody wants is given up, and the next call works',
  async (path) => {
    await (await send(path)).body!.cancel()
    const reader = (await send(path)).body!.getReader()
    await reader.read()
    await reader.cancel()
    expect((await send('/')).status).toBe(201)
  },
)

test('what a run waits for is the same without what browsers need', async () => {
  const plain = (path: string) => post(through, at + path, { headers: { 'x-own': 'a' }, body: '{"ü":1}' })
  const answer = await plain('/')
  expect([answer.status, answer.headers.get('Content-Type'), answer.headers.get('x-none')]).toEqual([
    201,
    'application/json',
    null,
  ])
  expect(JSON.parse(await answer.text())).toMatchObject({ body: '{"ü":1}', headers: { 'accept-encoding': 'identity' } })
  expect(await (await plain('/empty')).text()).toBe('')
  await expect((await plain('/broken')).text()).rejects.toThrow('other side closed')
  expect((await plain('/elsewhere')).status).toBe(302)
  await expect(send('/elsewhere')).rejects.toMatchObject({ name: 'TypeError', message: 'fetch failed' })
})
