import { Secret } from '@stewrd/crypto/secret.ts'
import postgres from 'postgres'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { appRouter } from '../app-router.ts'
import { inputs } from '../trpc/testing/inputs.ts'
import type { TestPlatform } from '../testing/platform.ts'
import { testPlatform } from '../testing/platform.ts'
import type { TestServer } from '../testing/server.ts'
import { clientOf, listen, owner, signIn } from '../testing/server.ts'

let tested: TestPlatform
let server: TestServer
beforeAll(async () => {
  tested = await testPlatform()
  server = await listen(tested.platform)
})
afterAll(async () => {
  await server?.close()
  await tested?.close()
})

const post = (path: string, body: unknown, headers: Record<string, string> = {}) =>
  fetch(`${server.url}/api/auth${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', origin: server.url, ...headers },
    body: JSON.stringify(body),
  })

test('who signs in is known by the cookie alone', async () => {
  const cookie = await signIn(server.url, owner)
  expect(await clientOf(server.url, cookie).me.query()).toMatchObject({ email: owner.email, name: owner.name })
})

test('the cookie is out of reach of scripts and of other sites', async () => {
  const response = await post('/sign-in/email', { email: owner.email, password: owner.password })
  const [cookie] = response.headers.getSetCookie()
  expect(cookie).toMatch(/HttpOnly/i)
  expect(cookie).toMatch(/SameSite=Lax/i)
  expect(cookie).toMatch(/^stewrd\./)
})

test('without a session, and with one that was signed out, nothing is answered', async () => {
  const cookie = await signIn(server.url, owner)
  const client = clientOf(server.url, cookie)
  await client.projects.list.query()
  expect((await post('/sign-out', {}, { cookie })).status).toBe(200)
  await expect(client.projects.list.query()).rejects.toMatchObject({ data: { code: 'UNAUTHORIZED', httpStatus: 401 } })
  await expect(clientOf(server.url, '').me.query()).rejects.toMatchObject({ data: { code: 'UNAUTHORIZED' } })
  await expect(clientOf(server.url, `${cookie}x`).me.query()).rejects.toMatchObject({ data: { code: 'UNAUTHORIZED' } })
})

test('a wrong password, and an unknown person, are told the same', async () => {
  const answers = await Promise.all([
    post('/sign-in/email', { email: owner.email, password: 'wrong password' }),
    post('/sign-in/email', { email: 'nobody@example.com', password: 'wrong password' }),
  ])
  expect(answers.map((a) => a.status)).toEqual([401, 401])
  const [a, b] = await Promise.all(answers.map((answer) => answer.text()))
  expect(a).toBe(b)
})

test('nobody can sign up', async () => {
  const response = await post('/sign-up/email', { name: 'Eve', email: 'eve@example.com', password: owner.password })
  expect(response.status).toBeGreaterThanOrEqual(400)
  await expect(signIn(server.url, { email: 'eve@example.com', password: owner.password })).rejects.toThrow('401')
})

test('a sign-in that another site sends is refused', async () => {
  const body = { email: owner.email, password: owner.password }
  expect((await post('/sign-in/email', body, { origin: 'http://evil.example' })).status).toBe(403)
})

test('neither password nor session token stands in the database', async () => {
  const cookie = await signIn(server.url, owner)
  const token = decodeURIComponent(cookie.split('=')[1]!).split('.')[0]!
  const sql = postgres(tested.database.url, { max: 1, onnotice: () => {} })
  try {
    const dump = JSON.stringify([
      await sql`select * from auth_sessions`,
      await sql`select * from auth_accounts`,
      await sql`select * from auth_users`,
    ])
    expect(dump).toContain(owner.email)
    expect(dump).not.toContain(token)
    expect(dump).not.toContain(owner.password)
    const [stored] = await sql<{ token: string }[]>`select token from auth_sessions limit 1`
    const forged = cookie.replace(encodeURIComponent(token), encodeURIComponent(stored!.token))
    await expect(clientOf(server.url, forged).me.query()).rejects.toMatchObject({ data: { code: 'UNAUTHORIZED' } })
  } finally {
    await sql.end({ timeout: 2 })
  }
})

test('an email has one account', async () => {
  const again = tested.platform.createOwner({ ...owner, password: new Secret(owner.password) })
  await expect(again).rejects.toMatchObject({ code: 'INVALID_INPUT', details: { field: 'email' } })
})

describe('only what is used of the sign-in library can be reached', () => {
  const off = [
    '/verify-password',
    '/get-session',
    '/update-session',
    '/update-user',
    '/change-email',
    '/delete-user',
    '/list-sessions',
    '/revoke-session',
    '/list-accounts',
    '/account-info',
    '/unlink-account',
    '/link-social',
    '/get-access-token',
    '/refresh-token',
    '/request-password-reset',
    '/reset-password',
    '/send-verification-email',
    '/sign-up/email',
    '/sign-in/social',
    '/callback/github',
    '/ok',
    '/error',
    '/sign-in/email/',
    '/constructor',
  ]
  test.each(off)('%s is not there', async (path) => {
    const { cookie } = server
    expect((await post(path, { password: owner.password }, { cookie })).status).toBe(404)
    expect((await fetch(`${server.url}/api/auth${path}`, { headers: { cookie } })).status).toBe(404)
  })
})

test('a sign-in leads nowhere else, is kept by no cache, and shows no script the token', async () => {
  const evil = 'https://evil.example/'
  const body = { email: owner.email, password: owner.password, callbackURL: evil, redirectTo: evil }
  for (const callbackURL of [evil, server.url, '/projects']) {
    const response = await post(`/sign-in/email?callbackURL=${evil}`, { ...body, callbackURL })
    expect(response.status).toBe(200)
    expect(response.headers.get('location')).toBeNull()
    expect(response.headers.get('cache-control')).toBe('no-store')
    const answer = await response.json()
    expect(answer).toMatchObject({ redirect: false, user: { email: owner.email } })
    expect(JSON.stringify(answer)).not.toContain('evil')
    expect(answer).not.toHaveProperty('token')
  }
  expect((await post('/sign-in/email', { ...body, password: 'wrong password' })).headers.get('cache-control')).toBe(
    'no-store',
  )
})

test.each([
  ['no JSON', '{nope'],
  ['no object', '7'],
  ['another type', { email: owner.email, password: 7 }],
  ['an address with a zero character', { email: 'a\u0000@example.com', password: owner.password }],
  ['half a character', { email: 'a\ud800@example.com', password: owner.password }],
  ['a password that is too long', { email: owner.email, password: 'x'.repeat(60_000) }],
])('%s is refused in words', async (_name, body) => {
  const response = await fetch(`${server.url}/api/auth/sign-in/email`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: typeof body === 'string' ? body : JSON.stringify(body),
  })
  expect([response.status, await response.json()]).toMatchObject([400, { code: 'INVALID_INPUT' }])
})

describe('a new password', () => {
  const change = (cookie: string, currentPassword: string, newPassword: string) =>
    post('/change-password', { currentPassword, newPassword, revokeOtherSessions: false }, { cookie })
  const other = 'another long password'

  test('ends every other session of the person, and the old cookie too', async () => {
    const [mine, elsewhere] = [await signIn(server.url, owner), await signIn(server.url, owner)]
    const changed = await change(mine, owner.password, other)
    expect(changed.status).toBe(200)
    const fresh = changed.headers
      .getSetCookie()
      .map((c) => c.split(';', 1)[0]!)
      .join('; ')
    expect(await clientOf(server.url, fresh).me.query()).toMatchObject({ email: owner.email })
    for (const cookie of [mine, elsewhere])
      await expect(clientOf(server.url, cookie).me.query()).rejects.toMatchObject({ data: { code: 'UNAUTHORIZED' } })
    expect((await change(fresh, other, owner.password)).status).toBe(200)
  })

  test('cannot be set by whoever guesses the old one with a cookie of somebody else', async () => {
    const cookie = await signIn(server.url, owner)
    expect((await change(cookie, 'wrong password', other)).status).toBe(400)
    await tested.platform.sql`update auth_throttle set level = 14 where kind = 'session'`
    expect((await change(cookie, 'wrong password', other)).status).toBe(400)
    expect((await change(cookie, owner.password, other)).status).toBe(429)
    expect((await post('/sign-in/email', owner)).status).toBe(200)
  })
})

describe('a fresh password', () => {
  type Procedures = Record<string, { _def: { meta?: { freshPassword?: boolean } } }>
  const procedures = appRouter._def.procedures as unknown as Procedures
  const asking = Object.keys(procedures).filter((name) => procedures[name]!._def.meta?.freshPassword)
  const call = (name: string, input: object, cookie: string) =>
    fetch(`${server.url}/trpc/${name}`, {
      method: 'POST',
      headers: { cookie, 'content-type': 'application/json' },
      body: JSON.stringify(input),
    })
  const age = (seconds: number) =>
    tested.platform.sql`update auth_sessions set verified_at = now() - make_interval(secs => ${seconds})`
  const required = { error: { data: { refusal: { code: 'REAUTHENTICATION_REQUIRED' } } } }
  let cookie: string
  let projectId: string
  beforeAll(async () => {
    cookie = await signIn(server.url, owner)
    ;({ projectId } = await clientOf(server.url, cookie).projects.create.mutate({ name: 'Fresh' }))
  })

  test('is what everything asks for that destroys for good or shows a secret', () => {
    expect(asking.toSorted()).toEqual([
      'apiKeys.regenerate',
      'keys.retire',
      'projects.create',
      'projects.shred',
      'webhooks.regenerateSecret',
      'webhooks.set',
    ])
  })

  test.each(asking)('is needed for %s after five minutes, before anything is changed', async (name) => {
    await age(301)
    const before = await tested.platform.worker`select count(*) from events`
    const response = await call(name, { commandId: 'c', ...inputs[name]!(projectId) }, cookie)
    expect([response.status, await response.json()]).toMatchObject([403, required])
    expect(await tested.platform.worker`select count(*) from events`).toEqual(before)
  })

  test('is one that was entered to sign in, or again in the same session, for five minutes', async () => {
    const client = clientOf(server.url, cookie)
    await age(290)
    expect((await client.apiKeys.regenerate.mutate({ projectId })).apiKey).toMatch(/^sk-stw_/)
    await age(301)
    await expect(client.apiKeys.regenerate.mutate({ projectId })).rejects.toMatchObject({ data: { code: 'FORBIDDEN' } })
    await signIn(server.url, owner)
    await expect(client.apiKeys.regenerate.mutate({ projectId })).rejects.toMatchObject({ data: { code: 'FORBIDDEN' } })
    await expect(client.account.confirmPassword.mutate({ password: 'wrong password' })).rejects.toMatchObject({
      data: { refusal: { code: 'PASSWORD_WRONG' } },
    })
    await expect(client.apiKeys.regenerate.mutate({ projectId })).rejects.toMatchObject({ data: { code: 'FORBIDDEN' } })
    expect(await client.account.confirmPassword.mutate({ password: owner.password })).toEqual({ confirmed: true })
    expect((await client.apiKeys.regenerate.mutate({ projectId })).apiKey).toMatch(/^sk-stw_/)
  })

  test('cannot be guessed in a session that somebody got hold of', async () => {
    const client = clientOf(server.url, cookie)
    await expect(client.account.confirmPassword.mutate({ password: 'wrong password' })).rejects.toThrow('is wrong')
    await tested.platform.sql`update auth_throttle set level = 15 where kind = 'session'`
    const refused = await call('account.confirmPassword', { password: owner.password }, cookie)
    expect(refused.status).toBe(429)
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)
    expect(await refused.json()).toMatchObject({ error: { data: { refusal: { code: 'TOO_MANY_ATTEMPTS' } } } })
  })
})
