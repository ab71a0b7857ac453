import { copyFile, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { randomUUID } from 'node:crypto'
import type { TestDatabase } from '@stewrd/db/testing/database.ts'
import { createTestDatabase } from '@stewrd/db/testing/database.ts'
import type { Upstream } from '@stewrd/runtime/testing/upstream.ts'
import { startUpstream } from '@stewrd/runtime/testing/upstream.ts'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { readEnv } from '../env.ts'
import { createLogger } from '../kernel/log.ts'
import { setProvider } from '../llm/service.ts'
import { createPlatform } from '../platform.ts'
import { createProject } from '../projects/service.ts'
import type { ServerProcess } from '../testing/server-process.ts'
import { makeHome, removeHome, startServer, stewrd } from '../testing/server-process.ts'
import { runAgent } from './calls.testing.ts'

const PROJECTS = 20
const key = `sk-master-${randomUUID()}`
let upstream: Upstream
let database: TestDatabase
let homes: string[]
let variables: Record<string, string>
let ring: string
const nodes: ServerProcess[] = []
const apiKeys: string[] = []

const command = (...args: string[]) => stewrd(homes[0]!, ['--json', ...args], { variables })
const keyList = async () => (await command('keys', 'list')).lines() as { key: string; state: string; values: number }[]
const startNodes = async () => nodes.push(...(await Promise.all(homes.map((home) => startServer(home, variables)))))
const stopNodes = async () => void (await Promise.all(nodes.splice(0).map((node) => node.stop())))

async function makeProjects() {
  const env = readEnv({ ...variables, STEWRD_HOME: homes[0]!, NODE_ENV: 'test' })
  const platform = await createPlatform(env, { as: 'command', log: createLogger({ ...env, logLevel: 'silent' }) })
  for (let n = 0; n < PROJECTS; n++) {
    const { projectId, apiKey } = await createProject(platform, { name: `p${n}` }, 'operator:cli')
    const llm = { provider: 'custom', model: 'gpt-4o', baseUrl: upstream.baseUrl, key } as const
    await setProvider(platform, { projectId, ...llm }, 'operator:cli')
    apiKeys.push(apiKey!)
  }
  await platform.close()
}

beforeAll(async () => {
  upstream = await startUpstream({ keys: [key] })
  database = await createTestDatabase()
  homes = [await makeHome(), await makeHome()]
  ring = join(homes[0]!, 'keyring.json')
  variables = { DATABASE_URL: database.url, STEWRD_KEYRING: `file:${ring}`, STEWRD_EGRESS_ALLOW: upstream.host }
  await makeProjects()
  await startNodes()
}, 180_000)
afterAll(async () => {
  await stopNodes()
  await upstream?.close()
  await database?.drop()
  await Promise.all(homes.map(removeHome))
})

test('the master key rotates under 20 projects at full speed on two nodes; the old key is destroyed; a wrong one is refused', async () => {
  const end = new AbortController()
  const failed: string[] = []
  let done = 0
  const runners = apiKeys.map(async (apiKey, n) => {
    const { url } = nodes[n % 2]!
    while (!end.signal.aborted && failed.length === 0) {
      const { status, text } = await runAgent(url, apiKey)
      if (status === 200) done++
      else failed.push(text)
    }
  })
  const moreThan = (count: number) =>
    vi.waitFor(() => expect(failed.length > 0 || done > count).toBe(true), { timeout: 30_000, interval: 20 })
  await moreThan(2 * PROJECTS)
  expect(failed).toEqual([])
  const [old] = await keyList()
  await copyFile(ring, `${homes[1]!}/old-keyring.json`)
  const rotated = await command('keys', 'rotate-master')
  expect(rotated).toMatchObject({ code: 0, stderr: '' })
  expect(rotated.json()).toMatchObject({ from: [old!.key], left: 0 })
  const { to } = rotated.json() as { to: string }
  const after = done
  await moreThan(after + 2 * PROJECTS)
  end.abort()
  await Promise.all(runners)
  expect(failed).toEqual([])

  expect(await keyList()).toMatchObject([
    { key: old!.key, state: 'closed', values: 0 },
    { key: to, state: 'primary' },
  ])
  expect((await command('keys', 'retire', to)).stderr).toContain('MASTER_KEY_PRIMARY')
  expect((await command('keys', 'retire', old!.key)).json()).toEqual({ key: old!.key, destroyed: true })
  expect(await readFile(ring, 'utf8')).not.toContain(old!.key.split('/')[0])

  await stopNodes()
  await startNodes()
  for (const [n, apiKey] of apiKeys.entries()) expect((await runAgent(nodes[n % 2]!.url, apiKey)).status).toBe(200)
  await stopNodes()

  const newRing = await readFile(ring, 'utf8')
  await copyFile(`${homes[1]!}/old-keyring.json`, ring)
  const missing = await startServer(homes[0]!, variables).catch((error: unknown) => String(error))
  expect(missing).toContain(`The data of ${PROJECTS} projects depends on the master key ${to}.`)
  expect(missing).toContain('Restore the keyring that has it')
  const wrong = JSON.parse(newRing) as { keys: { key: string }[] }
  for (const stored of wrong.keys) stored.key = Buffer.alloc(32, 7).toString('base64')
  await writeFile(ring, JSON.stringify(wrong), { mode: 0o600 })
  const other = await startServer(homes[0]!, variables).catch((error: unknown) => String(error))
  expect(other).toContain(`The data of ${PROJECTS} projects depends on the master key ${to}.`)
  expect(other).toContain('another key of the same name')
}, 180_000)
