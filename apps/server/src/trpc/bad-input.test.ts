import { afterAll, beforeAll, expect, test } from 'vitest'
import type { z } from 'zod'
import { appRouter } from '../app-router.ts'
import type { TestPlatform } from '../testing/platform.ts'
import { testPlatform } from '../testing/platform.ts'
import type { TestServer } from '../testing/server.ts'
import { listen } from '../testing/server.ts'
import { inputs, withoutInput } from './testing/inputs.ts'
import { expectViewsWhole, textPlaces, unstorable, withText } from '../testing/text-places.ts'

let tested: TestPlatform
let server: TestServer
let projectId: string
beforeAll(async () => {
  tested = await testPlatform()
  server = await listen(tested.platform)
  projectId = (await server.client.projects.create.mutate({ name: 'Bad input' })).projectId
})
afterAll(async () => {
  await server?.close()
  await tested?.close()
})

const wrong: unknown[] = [{ SENTINEL: 1 }, true, -1.5, 'SENTINEL\u0000\n', ['SENTINEL', 7], 'x'.repeat(5000)]

type Procedure = { _def: { type: string; inputs: z.ZodType[] } }
const procedures = appRouter._def.procedures as unknown as Record<string, Procedure>

function send(path: string, input: unknown): Promise<Response> {
  const headers = { cookie: server.cookie, 'content-type': 'application/json' }
  const text = JSON.stringify(input)
  if (procedures[path]?._def.type === 'mutation')
    return fetch(`${server.url}/trpc/${path}`, { method: 'POST', headers, body: text })
  return fetch(`${server.url}/trpc/${path}?input=${encodeURIComponent(text)}`, { headers })
}

test('every procedure is covered here', () => {
  expect(Object.keys(procedures).toSorted()).toEqual([...Object.keys(inputs), ...withoutInput].toSorted())
})

test.each(Object.keys(inputs))('%s answers a wrong type in any field with the name of the field', async (path) => {
  for (const field of Object.keys(inputs[path]!(projectId)))
    for (const value of wrong) {
      const response = await send(path, { ...inputs[path]!(projectId), [field]: value })
      // Some texts are a fine value for some fields; and a stream that began has no end.
      if (response.status === 200) {
        await response.body?.cancel()
        continue
      }
      const body = await response.text()
      expect([400, 403, 404, 409, 412, 422], `${path} ${field} ${JSON.stringify(value)}: ${body}`).toContain(
        response.status,
      )
      expect(body).not.toContain('SENTINEL')
      expect(response.status !== 400 || body.includes('INVALID_INPUT')).toBe(true)
    }
})

test.each([null, [], 'text', 7, { unknown: 1 }])('a body that is %o is refused', async (body) => {
  const response = await send('llm.set', body)
  expect(response.status).toBe(400)
  expect(await response.text()).toContain('INVALID_INPUT')
})

test.each(['{nope', '', '{"projectId":', '\u0000'])('a body that is no JSON (%o) is said to be none', async (body) => {
  const headers = { cookie: server.cookie, 'content-type': 'application/json' }
  const response = await fetch(`${server.url}/trpc/llm.set`, { method: 'POST', headers, body })
  expect(response.status).toBe(400)
})

test('a body of 10 MB is refused before it is read', async () => {
  const headers = { cookie: server.cookie, 'content-type': 'application/json' }
  const body = JSON.stringify({ projectId, key: 'x'.repeat(10_000_000) })
  const response = await fetch(`${server.url}/trpc/llm.rotate`, { method: 'POST', headers, body })
  expect(response.status).toBe(413)
  expect(await server.client.me.query()).toMatchObject({ name: 'Ada' })
})

test('another content type, and an unknown procedure, are clear answers', async () => {
  const text = { method: 'POST', headers: { cookie: server.cookie, 'content-type': 'text/plain' }, body: '{}' }
  expect((await fetch(`${server.url}/trpc/llm.set`, text)).status).toBe(415)
  expect((await send('nothing.here', {})).status).toBe(404)
})

test.each(Object.keys(inputs))('%s refuses text that cannot be stored, in words, in every field', async (path) => {
  // A stream has begun when its input is read: what is wrong with it is its first event.
  const status = procedures[path]!._def.type === 'subscription' ? 200 : 400
  for (const place of procedures[path]!._def.inputs.flatMap(textPlaces))
    for (const text of unstorable) {
      const response = await send(path, withText(inputs[path]!(projectId), place, text))
      const body = await response.text()
      expect([place, response.status, body]).toEqual([place, status, expect.stringContaining('INVALID_INPUT')])
    }
})

test('signing in with text that cannot be stored is refused, and is no outage', async () => {
  const headers = { 'content-type': 'application/json', origin: server.url }
  for (const text of ['\u0000', '\ud800'])
    for (const field of ['email', 'password']) {
      const body = JSON.stringify({
        email: 'a@b.example',
        password: 'long enough password',
        [field]: `a${text}@b.example`,
      })
      const sent = await fetch(`${server.url}/api/auth/sign-in/email`, { method: 'POST', headers, body })
      expect(sent.status).toBe(400)
    }
})

test('no view stopped, and none left a row out', () => expectViewsWhole(tested.platform))

test('after all that the project is as it was', async () => {
  expect(await server.client.projects.get.query({ projectId })).toMatchObject({ status: 'active' })
  expect(server.logs.join('')).not.toContain('SENTINEL')
})
