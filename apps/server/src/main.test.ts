import type { ChildProcess } from 'node:child_process'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, open, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { liveTail } from './testing/live-tail.ts'
import { clientOf, signIn } from './testing/server.ts'

type Started = { child: ChildProcess; output(): string; ended: Promise<number | null> }

let home: string
const children: ChildProcess[] = []
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'stewrd-main-'))
})
afterEach(async () => {
  await Promise.all(
    children.splice(0).map(async (child) => {
      if (child.exitCode !== null || child.signalCode !== null) return
      child.kill('SIGKILL')
      await once(child, 'exit')
    }),
  )
})
afterAll(() => rm(home, { recursive: true, force: true }))

function start(variables: NodeJS.ProcessEnv = {}): Started {
  const { DATABASE_URL: _, ...inherited } = process.env
  const child = spawn(process.execPath, [join(import.meta.dirname, 'main.ts')], {
    env: {
      ...inherited,
      NODE_ENV: 'development',
      STEWRD_HOME: home,
      PORT: '0',
      STEWRD_LOG_LEVEL: 'trace',
      ...variables,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  children.push(child)
  let text = ''
  child.stdout.on('data', (chunk: Buffer) => (text += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (text += chunk.toString()))
  return { child, output: () => text, ended: once(child, 'exit').then(([code]) => code as number | null) }
}

async function running(variables?: NodeJS.ProcessEnv): Promise<Started & { url: string }> {
  const started = start(variables)
  const dashboard = /Dashboard {2}(\S+)/
  await expect.poll(() => started.output(), { timeout: 60_000 }).toMatch(dashboard)
  const url = dashboard.exec(started.output())![1]!
  return { ...started, url }
}

const person = { name: 'Ada', email: 'ada@example.com', password: 'correct horse battery' }

test('a first start says what it does, where to go and what to do first; then the link has done its work', async () => {
  const first = await running({ HTTPS_PROXY: 'http://ada:SENTINEL@127.0.0.1:9', NODE_USE_ENV_PROXY: '1' })
  expect(first.output()).toContain('Not used: HTTPS_PROXY, NODE_USE_ENV_PROXY.')
  expect(first.output()).not.toContain('SENTINEL')
  expect(first.output()).toContain('Creating the database')
  const token = /#token=(\S+)/.exec(first.output())![1]!
  await clientOf(first.url, '').setup.createOwner.mutate({ ...person, token })
  const client = clientOf(first.url, await signIn(first.url, person))
  expect((await client.system.health.query()).fallback.status).toBe('demo')
  const { projectId } = await client.projects.create.mutate({ name: 'Kept' })
  expect((await stat(join(home, 'keyring.json'))).mode & 0o077).toBe(0)

  const second = start()
  expect(await second.ended).toBe(1)
  expect(second.output()).toContain(first.url)

  const tail = await liveTail({ url: first.url, cookie: await signIn(first.url, person) }, { projectId })
  const stopping = performance.now()
  first.child.kill('SIGTERM')
  expect(await first.ended).toBe(0)
  expect(performance.now() - stopping).toBeLessThan(9_000)
  tail.close()
  expect(first.output()).not.toContain(person.password)

  const again = await running()
  expect(again.output()).not.toContain('#token=')
  const back = clientOf(again.url, await signIn(again.url, person))
  expect((await back.projects.list.query()).map((p) => p.name)).toEqual(['Kept'])
  again.child.kill('SIGINT')
  expect(await again.ended).toBe(0)
})

test('a keyring that does not fit is refused with the number of projects at risk, and nothing is changed', async () => {
  const path = join(home, 'keyring.json')
  const kept = await readFile(path, 'utf8')
  await rm(path)
  const missing = start()
  expect(await missing.ended).toBe(1)
  expect(missing.output()).toContain('There is no keyring')
  const ring = JSON.parse(kept) as { keys: { key: string }[] }
  ring.keys[0]!.key = Buffer.alloc(32, 7).toString('base64')
  await writeFile(path, JSON.stringify(ring), { mode: 0o600 })
  const wrong = start()
  expect(await wrong.ended).toBe(1)
  expect(wrong.output()).toMatch(/1 project/)
  await writeFile(path, kept, { mode: 0o600 })
  const right = await running()
  right.child.kill('SIGTERM')
  expect(await right.ended).toBe(0)
})

test('a bad variable is named before anything is started', async () => {
  const bad = start({ PORT: 'SENTINEL', STEWRD_LOG_LEVEL: 'SENTINEL' })
  expect(await bad.ended).toBe(1)
  expect(bad.output()).toContain('PORT')
  expect(bad.output()).toContain('STEWRD_LOG_LEVEL')
  expect(bad.output()).not.toContain('SENTINEL')
})

test('a server whose output goes to a full disk works on', async () => {
  const { DATABASE_URL: _, ...inherited } = process.env
  const full = await open('/dev/full', 'w')
  const env = { ...inherited, NODE_ENV: 'development', STEWRD_HOME: home, PORT: '0', STEWRD_LOG_LEVEL: 'trace' }
  const child = spawn(process.execPath, [join(import.meta.dirname, 'main.ts')], {
    env,
    stdio: ['ignore', full.fd, full.fd],
  })
  children.push(child)
  await full.close()
  const url = async () => (JSON.parse(await readFile(join(home, 'server.json'), 'utf8')) as { url: string | null }).url
  await expect.poll(url, { timeout: 60_000 }).not.toBeNull()
  for (let i = 0; i < 20; i++) expect((await fetch(`${await url()}/healthz`)).status).toBe(200)
  child.kill('SIGTERM')
  expect(await once(child, 'exit')).toEqual([0, null])
})
