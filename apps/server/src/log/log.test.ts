import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { openCheckpoint } from '@stewrd/crypto/checkpoint.ts'
import { leafHash } from '@stewrd/crypto/merkle.ts'
import type { Upstream } from '@stewrd/runtime/testing/upstream.ts'
import { startUpstream } from '@stewrd/runtime/testing/upstream.ts'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { createProject } from '../projects/service.ts'
import type { TestPlatform } from '../testing/platform.ts'
import { testPlatform } from '../testing/platform.ts'
import type { TestServer } from '../testing/server.ts'
import { listen } from '../testing/server.ts'
import { checkpointFiles } from './checkpoint-files.ts'

const key = 'sk-SENTINEL-aaaaaaaaaaaaaaaa'
let upstream: Upstream
let tested: TestPlatform
let server: TestServer
beforeAll(async () => {
  upstream = await startUpstream({ keys: [key] })
  tested = await testPlatform({
    STEWRD_EGRESS_ALLOW: upstream.host,
    STEWRD_DEFAULT_BASE_URL: upstream.baseUrl,
    STEWRD_DEFAULT_API_KEY: key,
    STEWRD_DEFAULT_MODEL: 'gpt-4o',
  })
  server = await listen(tested.platform)
})
afterAll(async () => {
  await server?.close()
  await tested?.close()
  await upstream?.close()
})

const get = (path: string) => fetch(`${server.url}/log/${path}`)
const bytes = async (path: string) => Buffer.from(await (await get(path)).arrayBuffer())
const checkpoint = async () =>
  openCheckpoint(await (await get('checkpoint')).text(), tested.platform.publicLog.verifierKey)
const covers = (size: number) =>
  vi.waitFor(async () => expect((await checkpoint()).size).toBeGreaterThanOrEqual(size), {
    timeout: 5_000,
    interval: 20,
  })

test('before anything happened there is nothing to serve', async () => {
  const [none, tile] = await Promise.all([get('checkpoint'), get('tile/0/000.p/1')])
  expect([none.status, tile.status]).toEqual([404, 404])
  expect(none.headers.get('cache-control')).toBe('no-store')
})

test('what was acknowledged is signed within a second', async () => {
  const waits: number[] = []
  for (let i = 0; i < 5; i++) {
    const { platform } = tested
    const { projectId } = await createProject(platform, { name: `Name of customer ${i}` }, 'operator:test')
    const began = performance.now()
    const places = async () =>
      (
        await platform.worker<{ idx: number }[]>`select idx from log where project_id = ${projectId} order by idx desc`
      )[0]!
    await vi.waitFor(places, { interval: 5 })
    await covers((await places()).idx + 1)
    waits.push(performance.now() - began)
  }
  // The median: on a busy machine one may be late for reasons of its own.
  expect(waits.sort((a, b) => a - b)[2]).toBeLessThan(1_000)
})

test('the checkpoint may be kept for a second, tiles for ever', async () => {
  const { size } = await checkpoint()
  const answer = await get('checkpoint')
  expect(answer.headers.get('content-type')).toBe('text/plain; charset=utf-8')
  expect(answer.headers.get('cache-control')).toBe('public, max-age=1')
  for (const path of [`tile/0/000.p/${size}`, `tile/entries/000.p/${size}`, 'tile/0/000.p/1']) {
    const tile = await get(path)
    expect([path, tile.status]).toEqual([path, 200])
    expect(tile.headers.get('content-type')).toBe('application/octet-stream')
    expect(tile.headers.get('cache-control')).toBe('public, max-age=31536000, immutable')
  }
})

test('entries hash to the leaves of the signed tree', async () => {
  const { size } = await checkpoint()
  const entries = await bytes(`tile/entries/000.p/${size}`)
  const hashes = Array.from({ length: size }, (_, i) => leafHash(entries.subarray(i * 34 + 2, (i + 1) * 34)))
  expect(Buffer.concat(hashes)).toEqual(await bytes(`tile/0/000.p/${size}`))
})

test('nothing beyond the checkpoint, and nothing but tiles', async () => {
  const { size } = await checkpoint()
  for (const path of [
    '0/000',
    `0/000.p/${size + 1}`,
    '0/001.p/1',
    '1/000.p/1',
    '0/000.p/0',
    '0/0',
    'x/000',
    'entries/000',
  ])
    expect([path, (await get(`tile/${path}`)).status]).toEqual([path, 404])
  for (const path of ['', 'tile', 'key', '../healthz/../log/x']) expect((await get(path)).status).toBe(404)
})

test('nothing that a customer wrote, and no id, can be read in the public log', async () => {
  const { size } = await checkpoint()
  const { platform } = tested
  const served = Buffer.concat([
    await bytes('checkpoint'),
    await bytes(`tile/0/000.p/${size}`),
    await bytes(`tile/entries/000.p/${size}`),
  ])
  const rows = await platform.worker<{ project_id: string; stream: string; actor: string }[]>`select * from log`
  for (const { project_id, stream, actor } of rows)
    for (const secret of [project_id, stream, actor, Buffer.from(project_id.replaceAll('-', ''), 'hex')])
      expect(served.includes(secret)).toBe(false)
  expect(served.includes('customer')).toBe(false)
})

test('a run is answered with the size that was signed by then', async () => {
  const { apiKey } = await server.client.projects.create.mutate({ name: 'Runs' })
  await covers((await server.client.system.health.query()).log.size)
  for (const stream of [false, true]) {
    const answer = await fetch(`${server.url}/v1/agent`, {
      method: 'POST',
      headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
      body: JSON.stringify({ message: 'Hi', stream }),
    })
    await answer.text()
    expect(answer.status).toBe(200)
    const size = Number(answer.headers.get('x-stewrd-checkpoint'))
    expect(size).toBeGreaterThan(5)
    expect(size).toBeLessThanOrEqual((await checkpoint()).size)
  }
})

test('each checkpoint is kept outside the database, by the signer and as an anchor', async () => {
  await covers(await tested.platform.history.size())
  const note = await (await get('checkpoint')).text()
  const { size } = await checkpoint()
  for (const folder of ['checkpoints', 'anchors']) {
    const files = checkpointFiles(join(tested.env.home, 'log', folder))
    // The anchor is written after the checkpoint is published.
    await expect.poll(() => files.latest(), { timeout: 20_000 }).toMatchObject({ size, note })
    expect(await readFile((await files.latest())!.path, 'utf8')).toBe(note)
  }
})

test('the key is the same for everybody who asks', async () => {
  await covers(await tested.platform.history.size())
  const { log } = await server.client.system.health.query()
  const { origin, verifierKey } = tested.platform.publicLog
  expect(log).toMatchObject({ origin, verifierKey, alarm: null, treeSize: log.size, checkpoint: { size: log.size } })
  const [name, id, bytesOfKey] = [origin, ...verifierKey.slice(origin.length + 1).split(/\+(.*)/s)]
  const digest = createHash('sha256').update(`${name}\n`).update(Buffer.from(bytesOfKey!, 'base64')).digest('hex')
  expect(digest.slice(0, 8)).toBe(id)
})
