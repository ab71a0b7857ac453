import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { TestPlatform } from './testing/platform.ts'
import { testPlatform } from './testing/platform.ts'
import type { TestServer } from './testing/server.ts'
import { listen } from './testing/server.ts'

const page =
  '<!doctype html><script>theme()</script><script type="module" src="/assets/app-1.js"></script><h1>Stewrd</h1>'

let dashboard: string
let tested: TestPlatform
let server: TestServer
beforeAll(async () => {
  dashboard = await mkdtemp(join(tmpdir(), 'stewrd-dashboard-'))
  await mkdir(join(dashboard, 'assets'))
  await writeFile(join(dashboard, 'index.html'), page)
  await writeFile(join(dashboard, 'favicon.svg'), '<svg/>')
  await writeFile(join(dashboard, 'assets', 'app-1.js'), 'theme()')
  tested = await testPlatform()
  server = await listen(tested.platform, dashboard)
})
afterAll(async () => {
  await server?.close()
  await tested?.close()
  await rm(dashboard, { recursive: true, force: true })
})

const get = (path: string, accept = 'text/html') => fetch(`${server.url}${path}`, { headers: { accept } })

test('every address of the dashboard opens its page, and nothing else runs in it', async () => {
  for (const path of ['/', '/projects', '/projects/abc/history?noun=llm']) {
    const response = await get(path)
    expect(response.status).toBe(200)
    expect(await response.text()).toBe(page)
    expect(response.headers.get('cache-control')).toBe('no-cache')
    const policy = response.headers.get('content-security-policy')
    expect(policy).toMatch(/script-src 'self' 'sha256-[A-Za-z0-9+/=]+';/)
    expect(policy).toContain("frame-ancestors 'none'")
    expect(response.headers.get('x-content-type-options')).toBe('nosniff')
  }
})

test('hashed files are kept for ever; others are asked for again', async () => {
  const hashed = await get('/assets/app-1.js')
  expect(hashed.headers.get('cache-control')).toMatch(/max-age=31536000.*immutable/)
  expect(hashed.headers.get('content-type')).toContain('javascript')
  expect((await get('/favicon.svg')).headers.get('cache-control')).not.toContain('immutable')
})

test.each(['/assets/missing.js', '/trpc/', '/v1/nothing', '/api/nothing'])('%s is no page', async (path) => {
  const response = await get(path)
  expect(response.status).toBe(404)
  expect(response.headers.get('content-type')).toContain('json')
})

test('nothing outside its folder is reachable', async () => {
  for (const path of ['/..%2f..%2fpackage.json', '/assets/..%2f..%2fpackage.json', '/%2e%2e/%2e%2e/etc/passwd'])
    expect(await (await get(path)).text()).not.toMatch(/dependencies|root:/)
})

test('every answer carries its request id, which the log has too', async () => {
  const response = await get('/healthz')
  const id = response.headers.get('x-request-id')!
  expect(id).toMatch(/^[0-9a-f-]{36}$/)
  await expect.poll(() => server.logs.join('')).toContain(id)
})

test('it is alive, and ready', async () => {
  expect(await (await get('/healthz')).json()).toMatchObject({ status: 'ok' })
  expect((await get('/readyz')).status).toBe(200)
})

test('health tells how long the log is and how far the views are', async () => {
  await server.client.projects.create.mutate({ name: 'Health' })
  const health = await server.client.system.health.query()
  expect(health.log.size).toBeGreaterThanOrEqual(2)
  expect(health.views.map((v) => v.view)).toContain('projects')
  expect(health).toMatchObject({ fallback: { status: 'none' }, version: expect.any(String) })
})

test('a change that another site sends is refused', async () => {
  const response = await fetch(`${server.url}/trpc/projects.create`, {
    method: 'POST',
    headers: { cookie: server.cookie, 'content-type': 'application/json', origin: 'https://evil.example' },
    body: JSON.stringify({ name: 'Evil' }),
  })
  expect(response.status).toBe(403)
  expect((await server.client.projects.list.query()).map((p) => p.name)).not.toContain('Evil')
})
