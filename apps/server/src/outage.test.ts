import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import type { TestPlatform } from './testing/platform.ts'
import { testPlatform } from './testing/platform.ts'
import type { Relay } from './testing/relay.ts'
import { startRelay } from './testing/relay.ts'
import type { TestServer } from './testing/server.ts'
import { listen, owner, signIn } from './testing/server.ts'

let relay: Relay
let tested: TestPlatform
let server: TestServer
beforeAll(async () => {
  tested = await testPlatform({}, async (url) => {
    relay = await startRelay(url)
    return relay.url
  })
  server = await listen(tested.platform)
})
afterAll(async () => {
  await server?.close()
  await tested?.close()
  await relay?.stop().catch(() => {})
})

test('while the database is away every answer says so, and afterwards everything goes on by itself', async () => {
  const { client } = server
  const { projectId } = await client.projects.create.mutate({ name: 'Before' })
  const printed = vi.spyOn(console, 'error').mockImplementation(() => {})
  await relay.stop()
  const away = { data: { code: 'SERVICE_UNAVAILABLE', httpStatus: 503 } }
  await expect(client.projects.list.query()).rejects.toMatchObject(away)
  await expect(client.projects.rename.mutate({ projectId, name: 'x' })).rejects.toMatchObject(away)
  await expect(client.setup.status.query()).rejects.toMatchObject(away)
  await expect(signIn(server.url, owner)).rejects.toThrow('503')
  expect((await fetch(`${server.url}/healthz`)).status).toBe(200)
  expect((await fetch(`${server.url}/readyz`)).status).toBe(503)
  expect(printed).not.toHaveBeenCalled()
  await relay.start()
  await expect.poll(async () => (await fetch(`${server.url}/readyz`)).status, { timeout: 20_000 }).toBe(200)
  expect(await client.projects.rename.mutate({ projectId, name: 'After' })).toMatchObject({ revision: 2 })
  await expect
    .poll(async () => (await client.history.list.query({ projectId })).entries[0]?.text, { timeout: 20_000 })
    .toBe('renamed the project from Before to After')
  expect((await client.projects.list.query()).map((p) => p.name)).toEqual(['After'])
})
