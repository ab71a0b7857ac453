import type { FastifyInstance } from 'fastify'
import { Secret } from '@stewrd/crypto/secret.ts'
import { connect, disconnect } from '@stewrd/db/connect.ts'
import type { Sql } from '@stewrd/db/connect.ts'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { createApp } from '../app.ts'
import { createLogger } from '../kernel/log.ts'
import type { TestPlatform } from '../testing/platform.ts'
import { testPlatform } from '../testing/platform.ts'
import { owner } from '../testing/server.ts'
import { networkOf, Throttle } from './throttle.ts'

// A file of its own: it fills the buckets that every sign-in of a server shares, and plays many client addresses.
let tested: TestPlatform
let app: FastifyInstance
let elsewhere: Sql
/** One for each of two nodes. */
let throttles: [Throttle, Throttle]
beforeAll(async () => {
  tested = await testPlatform()
  const { platform, database } = tested
  await platform.createOwner({ ...owner, password: new Secret(owner.password) })
  app = await createApp({ platform, log: createLogger({ production: true, logLevel: 'silent' }) })
  elsewhere = connect(database.url, { max: 10 })
  throttles = [new Throttle(platform.sql, 'secret'), new Throttle(elsewhere, 'secret')]
})
afterAll(async () => {
  await app?.close()
  if (elsewhere) await disconnect(elsewhere)
  await tested?.close()
})
beforeEach(async () => {
  await tested.platform.sql`delete from auth_throttle`
})

type From = { email?: string; address?: string; device?: string; node?: 0 | 1 }
const admit = ({ email = owner.email, address = '203.0.113.1', device, node = 0 }: From = {}) =>
  throttles[node].admit({ kind: 'sign-in', email, address, device })
/** How many of these guesses are looked at. */
async function lookedAt(count: number, from: (i: number) => From): Promise<number> {
  let admitted = 0
  for (let i = 0; i < count; i++) if ((await admit(from(i))) === 0) admitted++
  return admitted
}
const later = (seconds: number) =>
  tested.platform.sql`update auth_throttle set at = at - make_interval(secs => ${seconds})`

describe('a stranger who guesses the password of a person', () => {
  const strangers = (i: number): From => ({ address: `198.51.100.${i % 50}`, node: i % 2 === 0 ? 0 : 1 })

  test('is slowed down, from any number of addresses and on any node', async () => {
    expect(await lookedAt(1000, strangers)).toBeLessThan(70)
    let inOneHour = 0
    for (let minute = 0; minute < 60; minute++) {
      await later(60)
      inOneHour += await lookedAt(50, strangers)
    }
    expect(inOneHour).toBeLessThan(100)
  })

  test('does not lock the person out: neither on a device that signed in before, nor at a new address', async () => {
    await lookedAt(300, strangers)
    expect(await admit(strangers(0))).toBeGreaterThan(0)
    expect(await admit({ address: '192.0.2.7' })).toBe(0)
    for (let i = 0; i < 15; i++) expect(await admit({ ...strangers(0), device: 'known' })).toBe(0)
  })

  test('makes a new device at the same address wait for half a minute at most', async () => {
    await lookedAt(1000, () => ({}))
    const wait = await admit()
    expect(wait).toBeGreaterThan(0)
    expect(wait).toBeLessThanOrEqual(30)
    await later(31)
    expect(await admit()).toBe(0)
  })

  test('on a device that they got hold of is slowed down like any other', async () => {
    expect(await lookedAt(50, (i) => ({ device: 'stolen', address: `198.51.100.${i}` }))).toBe(15)
  })

  test('at the same moment on two nodes is counted like one after another', async () => {
    const waits = await Promise.all(Array.from({ length: 40 }, (_, i) => admit({ node: i % 2 === 0 ? 0 : 1 })))
    expect(waits.filter((wait) => wait === 0)).toHaveLength(15)
  })
})

test('wrong passwords of others behind one address lock nobody out', async () => {
  expect(await lookedAt(12, () => ({ email: 'somebody@example.com' }))).toBe(12)
  expect(await admit()).toBe(0)
})

test('one address guesses at any number of people, but only so often', async () => {
  expect(await lookedAt(200, (i) => ({ email: `guess-${i}@example.com` }))).toBeLessThan(110)
  expect(await admit()).toBeLessThanOrEqual(3)
  expect(await admit({ address: '192.0.2.7' })).toBe(0)
})

test('a right password is not counted', async () => {
  for (let i = 0; i < 40; i++) {
    const attempt = { kind: 'sign-in', email: owner.email, address: '203.0.113.1', device: undefined } as const
    expect(await throttles[0].admit(attempt)).toBe(0)
    await throttles[1].takeBack(attempt)
  }
})

test('what is stored names nobody, and never grows beyond its slots', async () => {
  await lookedAt(3, (i) => ({ address: `198.51.100.${i}` }))
  const rows = await tested.platform.sql<{ slot: number }[]>`select * from auth_throttle`
  expect(JSON.stringify(rows)).toContain('person-address')
  expect(JSON.stringify(rows)).not.toMatch(/198\.51|ada/)
  expect(rows.every(({ slot }) => slot >= 0 && slot < 65_536)).toBe(true)
})

test('an IPv6 address counts by its first half, an IPv4 address as itself however it is written', () => {
  expect(networkOf('2001:db8::1')).toBe(networkOf('2001:0db8:0:0:ffff::9'))
  expect(networkOf('2001:db8::1')).not.toBe(networkOf('2001:db8:0:1::1'))
  expect(networkOf('::ffff:192.0.2.1')).toBe(networkOf('192.0.2.1'))
  expect(networkOf('192.0.2.1')).not.toBe(networkOf('192.0.2.2'))
})

describe('over HTTP', () => {
  type Sent = { email?: string; address?: string; cookie?: string }
  const signIn = (password: string, { email = owner.email, address = '203.0.113.1', cookie }: Sent = {}) =>
    app.inject({
      method: 'POST',
      url: '/api/auth/sign-in/email',
      remoteAddress: address,
      headers: { 'content-type': 'application/json', ...(cookie && { cookie }) },
      payload: { email, password },
    })
  const deviceIn = ({ cookies }: Awaited<ReturnType<typeof signIn>>) =>
    cookies.filter(({ name }) => name === 'stewrd.device').map(({ name, value }) => `${name}=${value}`)[0]!
  const exhaust = () => tested.platform.sql`update auth_throttle set level = 26, at = clock_timestamp()`
  const kinds = async () =>
    (await tested.platform.sql<{ kind: string }[]>`select kind from auth_throttle order by 1`).map(({ kind }) => kind)

  test('who must wait is told how long, whether there is such a person or not', async () => {
    for (const email of [owner.email, 'nobody@example.com']) {
      expect((await signIn('wrong password', { email })).statusCode).toBe(401)
      await exhaust()
      const refused = await signIn(owner.password, { email })
      expect(refused.statusCode).toBe(429)
      expect(Number(refused.headers['retry-after'])).toBeGreaterThan(0)
      expect(refused.json()).toMatchObject({
        code: 'TOO_MANY_ATTEMPTS',
        message: expect.stringMatching(/^Too many attempts failed: try again in \d+ (seconds|minutes)\.$/) as string,
      })
    }
  })

  test('a person signs in where they signed in before, also while strangers are refused', async () => {
    const cookie = deviceIn(await signIn(owner.password))
    await signIn('wrong password')
    await exhaust()
    expect((await signIn(owner.password)).statusCode).toBe(429)
    const known = await signIn(owner.password, { cookie })
    expect(known.statusCode).toBe(200)
    expect(deviceIn(known)).toBe(cookie)
  })

  test('a device is remembered out of reach of scripts and of other sites, and for the person who signed in there', async () => {
    const first = await signIn(owner.password)
    expect(first.cookies.find(({ name }) => name === 'stewrd.device')).toMatchObject({
      httpOnly: true,
      sameSite: 'Lax',
      path: '/api/auth',
    })
    const cookie = deviceIn(first)
    const strange = [
      ['eve@example.com', cookie],
      [owner.email, cookie.replace(/\.[\w-]{4}/, '.AAAA')],
      [owner.email, 'stewrd.device=x'],
    ] as const
    for (const [email, sent] of strange) {
      await tested.platform.sql`delete from auth_throttle`
      await signIn('wrong password', { email, cookie: sent })
      expect(await kinds()).toEqual(['address', 'person', 'person-address', 'person-addresses'])
    }
    await tested.platform.sql`delete from auth_throttle`
    await signIn('wrong password', { cookie })
    expect(await kinds()).toEqual(['device'])
  })
})
