import { once } from 'node:events'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { createServer as createHttpServer } from 'node:http'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { isPublicAddress } from './addresses.ts'
import { createEgress } from './egress.ts'

// Counts every connection that reaches loopback: a refusal must come before one.
let dialled = 0
const trap = createServer((socket) => {
  dialled++
  socket.destroy()
})
let port: number
beforeAll(async () => {
  trap.listen(0, '::')
  await once(trap, 'listening')
  port = (trap.address() as AddressInfo).port
})
afterAll(() => trap.close())

const forms = [
  '127.0.0.1',
  '127.1',
  '2130706433',
  '0x7f000001',
  '0x7f.0.0.1',
  '0177.0.0.1',
  '127.0.0.1.',
  '0.0.0.0',
  '0',
  '10.0.0.1',
  '172.16.0.1',
  '192.168.1.1',
  '169.254.169.254',
  '100.64.0.1',
  '198.18.0.1',
  '224.0.0.1',
  '255.255.255.255',
  '192.0.2.1',
  '240.0.0.1',
  '①②⑦.0.0.1',
  '[::1]',
  '[::]',
  '[::ffff:127.0.0.1]',
  '[::ffff:7f00:1]',
  '[0:0:0:0:0:ffff:a00:1]',
  '[::127.0.0.1]',
  '[64:ff9b::7f00:1]',
  '[64:ff9b:1::7f00:1]',
  '[2002:7f00:1::]',
  '[2001:0:4136:e378:8000:63bf:3fff:fdd2]',
  '[fe80::1]',
  '[fec0::1]',
  '[fd00::1]',
  '[ff02::1]',
  '[2001:db8::1]',
  '[fd00:ec2::254]',
]

describe('an address that is not public is refused before it is dialled', () => {
  test.each(forms)('%s', async (host) => {
    const egress = createEgress()
    for (const scheme of ['http', 'https']) {
      const url = `${scheme}://${host}:${port}/v1`
      await expect(egress.check(url)).rejects.toMatchObject({
        code: 'BASE_URL_REFUSED',
        details: { because: expect.stringContaining('STEWRD_EGRESS_ALLOW=') },
      })
      await expect(egress.fetch(url)).rejects.toMatchObject({ cause: { code: 'BASE_URL_REFUSED' } })
      const post = egress.fetch(url, { method: 'POST', body: '{}' })
      await expect(post).rejects.toMatchObject({ cause: { code: 'BASE_URL_REFUSED' } })
    }
    await egress.close()
    expect(dialled).toBe(0)
  })
})

test('an IPv6 address with a zone is refused', () => {
  expect(isPublicAddress('fe80::1%eth0')).toBe(false)
  expect(isPublicAddress('2606:4700::1111%lo')).toBe(false)
})

test.each(['1.1.1.1', '8.8.8.8', '2606:4700:4700::1111', '::ffff:8.8.8.8', '64:ff9b::808:808'])(
  '%s is public',
  (address) => expect(isPublicAddress(address)).toBe(true),
)

test('plain http is refused for a public host', async () => {
  const egress = createEgress()
  await expect(egress.check('http://8.8.8.8/v1')).rejects.toMatchObject({
    details: { because: expect.stringContaining('https') },
  })
  await expect(egress.fetch('http://8.8.8.8/v1')).rejects.toMatchObject({ cause: { code: 'BASE_URL_REFUSED' } })
})

describe('names', () => {
  type Answer = { address: string; family: number }[]
  const resolving = (...answers: Answer[]) => {
    let asked = 0
    const resolve = (_name: string, _options: unknown, found: (error: null, all: Answer) => void) =>
      found(null, answers[Math.min(asked++, answers.length - 1)]!)
    return { egress: createEgress({ resolve }), asked: () => asked }
  }
  const inside = { address: '127.0.0.1', family: 4 }
  const outside = { address: '93.184.216.34', family: 4 }

  test('localhost is refused', async () => {
    const egress = createEgress()
    await expect(egress.fetch(`https://localhost:${port}/`)).rejects.toMatchObject({
      cause: { code: 'BASE_URL_REFUSED' },
    })
    expect(dialled).toBe(0)
  })

  test('one private address among public ones is enough to refuse', async () => {
    const { egress } = resolving([outside, inside])
    await expect(egress.check(`https://mixed.example:${port}/`)).rejects.toMatchObject({ code: 'BASE_URL_REFUSED' })
  })

  test('a name that turns private after it was checked is refused when it is dialled', async () => {
    const { egress, asked } = resolving([outside], [inside])
    await egress.check(`https://rebinding.example:${port}/`)
    await expect(egress.fetch(`https://rebinding.example:${port}/`)).rejects.toMatchObject({
      cause: { code: 'BASE_URL_REFUSED' },
    })
    expect(asked()).toBe(2)
    expect(dialled).toBe(0)
  })

  test('a name without an address says so', async () => {
    const { egress } = resolving([])
    await expect(egress.check('https://nowhere.example/')).rejects.toMatchObject({
      details: { because: expect.stringContaining('could not be resolved') },
    })
  })
})

describe('what the operator allowed', () => {
  const server = createHttpServer((request, response) => {
    if (request.url === '/redirect') response.writeHead(302, { location: `http://127.0.0.1:${port}/stolen` }).end()
    else if (request.url === '/big') response.end(Buffer.alloc(100_000))
    else if (request.url === '/silent') response.writeHead(200).flushHeaders()
    else response.end('hello')
  })
  let at: string
  beforeAll(async () => {
    server.listen(0, '127.0.0.1')
    await once(server, 'listening')
    at = `127.0.0.1:${(server.address() as AddressInfo).port}`
  })
  afterAll(() => {
    server.close()
    server.closeAllConnections()
  })

  test('is connected to, over http too, at exactly this host and port', async () => {
    const egress = createEgress({ allow: [at] })
    await egress.check(`http://${at}/v1`)
    expect(await (await egress.fetch(`http://${at}/`)).text()).toBe('hello')
    await expect(egress.fetch(`http://127.0.0.1:${port}/`)).rejects.toMatchObject({
      cause: { code: 'BASE_URL_REFUSED' },
    })
    await expect(egress.check(`http://localhost:${at.split(':')[1]}/`)).rejects.toMatchObject({
      code: 'BASE_URL_REFUSED',
    })
    expect(dialled).toBe(0)
  })

  test('an IPv6 host is allowed by its bracketed form', async () => {
    await createEgress({ allow: ['[::1]:8080'] }).check('http://[::1]:8080/v1')
    await expect(createEgress({ allow: ['[::1]:8080'] }).check('http://[::1]:8081/v1')).rejects.toMatchObject({
      code: 'BASE_URL_REFUSED',
    })
  })

  test('a redirect is not followed, and the key goes nowhere else', async () => {
    const egress = createEgress({ allow: [at, `127.0.0.1:${port}`] })
    await expect(
      egress.fetch(`http://${at}/redirect`, { headers: { authorization: 'Bearer sk-secret' } }),
    ).rejects.toThrow('fetch failed')
    const shown = await egress.fetch(`http://${at}/redirect`, { redirect: 'manual' })
    expect(shown.status).toBe(302)
    const asked = egress.fetch(`http://${at}/redirect`, { redirect: 'follow' })
    await expect(asked).rejects.toThrow('fetch failed')
    const post = { method: 'POST', body: '{}', headers: { authorization: 'Bearer sk-secret' } }
    await expect(egress.fetch(`http://${at}/redirect`, post)).rejects.toThrow('fetch failed')
    expect((await egress.fetch(`http://${at}/redirect`, { ...post, redirect: 'manual' })).status).toBe(302)
    expect(dialled).toBe(0)
  })

  test('an answer that is too large, or that falls silent, is broken off', async () => {
    const egress = createEgress({ allow: [at], maxAnswerBytes: 50_000, silenceMs: 200 })
    await expect(egress.fetch(`http://${at}/big`).then((r) => r.text())).rejects.toThrow('terminated')
    await expect(egress.fetch(`http://${at}/silent`).then((r) => r.text())).rejects.toThrow('terminated')
    const post = { method: 'POST', body: '{}' }
    await expect(egress.fetch(`http://${at}/big`, post).then((r) => r.text())).rejects.toThrow('max size')
    await expect(egress.fetch(`http://${at}/silent`, post).then((r) => r.text())).rejects.toThrow('Timeout')
  })
})
