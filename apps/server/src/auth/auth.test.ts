import { Secret } from '@stewrd/crypto/secret.ts'
import postgres from 'postgres'
import { afterAll, beforeAll, expect, test } from 'vitest'
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

test('guessing passwords is slowed down', async () => {
  const statuses: number[] = []
  for (let i = 0; i < 25 && !statuses.includes(429); i++)
    statuses.push((await post('/sign-in/email', { email: 'guess@example.com', password: 'wrong password' })).status)
  expect(statuses).toContain(429)
})
