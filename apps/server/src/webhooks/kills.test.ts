import type { ChildProcessByStdio } from 'node:child_process'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Readable } from 'node:stream'
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import type { WebhookBed } from './testing/bed.ts'
import { openWebhookBed, quick } from './testing/bed.ts'
import { startServer } from '../testing/server-process.ts'
import { ok } from './testing/receiver.ts'

let bed: WebhookBed
type Node = { url: string; output(): string; kill(): Promise<void> }
const nodes: Node[] = []
beforeAll(async () => {
  bed = await openWebhookBed({ ...quick, timeoutMs: 5000 })
})
beforeEach(() => bed.receiver.answer(ok))
afterAll(async () => {
  await Promise.all(nodes.map((node) => node.kill()))
  await bed?.close()
})

const variablesOf = ({ tested: { env, database }, upstream }: WebhookBed) => ({
  DATABASE_URL: database.url,
  STEWRD_HOME: env.home,
  STEWRD_EGRESS_ALLOW: env.egressAllow.join(),
  STEWRD_DEFAULT_BASE_URL: upstream.baseUrl,
  STEWRD_DEFAULT_API_KEY: env.defaultModel!.apiKey.reveal(),
  STEWRD_DEFAULT_MODEL: 'o1',
  NODE_ENV: 'test',
})

async function startNode(as: 'server' | 'command'): Promise<Node> {
  const script = new URL('testing/node.ts', import.meta.url).pathname
  const variables = variablesOf(bed)
  const options = {
    env: { ...process.env, ...variables },
    stdio: ['ignore', 'pipe', 'pipe'] as ['ignore', 'pipe', 'pipe'],
  }
  const child: ChildProcessByStdio<null, Readable, Readable> = spawn(process.execPath, [script, as], options)
  let [url, output] = ['', '']
  child.stdout.on('data', (chunk: Buffer) => (url += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()))
  await vi.waitFor(() => expect(url).toMatch(/^http\S+\n/), { timeout: 30_000 })
  const node = {
    url: url.trim(),
    output: () => output,
    async kill() {
      if (child.signalCode !== null || child.exitCode !== null) return
      child.kill('SIGKILL')
      await once(child, 'exit')
    },
  }
  nodes.push(node)
  return node
}

const runOn = ({ url }: { url: string }, apiKey: string, message = 'Hi') =>
  fetch(`${url}/v1/agent`, {
    method: 'POST',
    headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ message, stream: false }),
  })

test('two servers send each delivery once', async () => {
  const { projectId, apiKey } = await bed.newProject()
  const other = await startNode('server')
  const answers = await Promise.all(
    Array.from({ length: 24 }, (_, n) =>
      runOn(n % 2 ? other : bed.server, apiKey).then((r) => r.json() as Promise<{ id: string }>),
    ),
  )
  await vi.waitFor(() => expect(bed.to(projectId)).toHaveLength(24), { timeout: 20_000 })
  await vi.waitFor(async () => {
    const all = await bed.client.webhooks.deliveries.query({ projectId, limit: 100 })
    expect(all.deliveries.map((d) => `${d.status} ${d.attempts}`)).toEqual(Array<string>(24).fill('delivered 1'))
  }, 10_000)
  const told = bed.to(projectId).map(({ body }) => body.id as string)
  expect(told.toSorted()).toEqual(answers.map(({ id }) => id).toSorted())
  expect(new Set(bed.to(projectId).map(({ id }) => id)).size).toBe(24)
  await other.kill()
}, 60_000)

test('a server that dies between the end of a run and its delivery: another one delivers it', async () => {
  const { projectId, apiKey } = await bed.newProject()
  await bed.tested.platform.webhooks.stop()
  const dying = await startNode('command')
  expect((await runOn(dying, apiKey)).status).toBe(200)
  await dying.kill()
  expect(bed.to(projectId)).toEqual([])
  await bed.tested.platform.webhooks.start()
  expect(await bed.ended(projectId, 30_000)).toMatchObject({ status: 'delivered', attempts: 1 })
  expect(bed.to(projectId)).toHaveLength(1)
}, 60_000)

test('a server that dies in the middle of a delivery: another one delivers it, under the same id', async () => {
  const { projectId, apiKey, secret } = await bed.newProject()
  await bed.tested.platform.webhooks.stop()
  const dying = await startNode('server')
  bed.receiver.answer(() => {})
  expect((await runOn(dying, apiKey, 'SENTINEL of a message')).status).toBe(200)
  await vi.waitFor(() => expect(bed.to(projectId)).toHaveLength(1), { timeout: 15_000 })
  await dying.kill()
  bed.receiver.answer(ok)
  await bed.tested.platform.webhooks.start()
  expect(await bed.ended(projectId, 30_000)).toMatchObject({ status: 'delivered', attempts: 1 })
  const [before, after, ...more] = bed.to(projectId)
  expect(more).toEqual([])
  expect(after!.id).toBe(before!.id)
  expect(after!.raw).toBe(before!.raw)
  expect(dying.output()).not.toContain('SENTINEL')
  expect(dying.output()).not.toContain(secret)
}, 60_000)

test('a server that is stopped in the middle of a delivery does not wait for the receiver', async () => {
  const { projectId, apiKey } = await bed.newProject()
  await bed.tested.platform.webhooks.stop()
  const stopping = await startServer(bed.tested.env.home, variablesOf(bed))
  bed.receiver.answer(() => {})
  expect((await runOn(stopping, apiKey)).status).toBe(200)
  await vi.waitFor(() => expect(bed.to(projectId)).toHaveLength(1), { timeout: 15_000 })
  const began = performance.now()
  await stopping.stop()
  expect(performance.now() - began).toBeLessThan(9000)
  bed.receiver.answer(ok)
  await bed.tested.platform.webhooks.start()
  expect(await bed.ended(projectId, 30_000)).toMatchObject({ status: 'delivered' })
  expect(new Set(bed.to(projectId).map(({ id }) => id)).size).toBe(1)
}, 60_000)
