import { randomUUID } from 'node:crypto'
import { cp } from 'node:fs/promises'
import { join } from 'node:path'
import { createTestDatabase } from '@stewrd/db/testing/database.ts'
import type { TestDatabase } from '@stewrd/db/testing/database.ts'
import type { Upstream } from '@stewrd/runtime/testing/upstream.ts'
import { startUpstream } from '@stewrd/runtime/testing/upstream.ts'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { ServerProcess } from '../testing/server-process.ts'
import { makeHome, removeHome, startServer, stewrd } from '../testing/server-process.ts'
import { runAgent } from './calls.testing.ts'

// The whole story by the command line, beside two server nodes on one database.
const keyA = `sk-a-${randomUUID()}`
const keyB = `sk-b-${randomUUID()}`
let upstream: Upstream
let database: TestDatabase
let nodes: ServerProcess[]
let home: string
let project: { project_id: string; name: string; api_key: string }
const variables = () => ({ DATABASE_URL: database.url, STEWRD_EGRESS_ALLOW: upstream.host })
const command = (args: string[], stdin = '') => stewrd(home, ['--json', ...args], { stdin, variables: variables() })

beforeAll(async () => {
  upstream = await startUpstream({ keys: [keyA, keyB] })
  database = await createTestDatabase()
  home = await makeHome()
  const first = await startServer(home, variables())
  const second = await makeHome()
  await cp(join(home, 'keyring.json'), join(second, 'keyring.json'))
  nodes = [first, await startServer(second, variables())]
})
afterAll(async () => {
  for (const node of nodes ?? []) {
    await node.stop()
    await removeHome(node.home)
  }
  await database?.drop()
  await upstream?.close()
})

test('owner and project; the API key is shown this once', async () => {
  const owner = await command(['owner', 'create', '--email', 'ada@example.com'], 'correct horse battery')
  expect(owner).toMatchObject({ code: 0 })
  expect(owner.json()).toEqual({ user_id: expect.any(String) })
  const made = await command(['project', 'create', 'Support assistant'])
  project = made.json() as typeof project
  expect(project).toEqual({
    project_id: expect.any(String),
    name: 'Support assistant',
    api_key: expect.stringMatching(/^sk-stw_[0-9A-Za-z]{36}$/),
  })
  const list = await command(['project', 'list'])
  expect(list.lines()).toEqual([expect.objectContaining({ project_id: project.project_id, name: 'Support assistant' })])
  expect(list.stdout).not.toContain(project.api_key)
})

test('a key that the provider refuses is refused, and nothing changes', async () => {
  const set = [
    'llm',
    'set',
    project.project_id,
    '--provider',
    'custom',
    '--model',
    'gpt-4o',
    '--base-url',
    upstream.baseUrl,
  ]
  const refused = await command(set, 'sk-wrong-wrong-wrong')
  expect(refused).toMatchObject({ code: 1, stdout: '' })
  expect(JSON.parse(refused.stderr)).toMatchObject({ error: { code: 'KEY_REJECTED' } })
  const accepted = await command(set, `${keyA}\n`)
  expect(accepted.json()).toMatchObject({ revision: 1, health: 'verified' })
})

test('a run uses key A; after the rotation the next run uses B, on the other node too', async () => {
  const before = await runAgent(nodes[0]!.url, project.api_key)
  expect(upstream.seen.at(-1)).toMatchObject({ key: keyA, model: 'gpt-4o' })
  await runAgent(nodes[1]!.url, project.api_key)
  const rotated = await command(['llm', 'rotate', project.project_id, '--reason', 'quarterly'], keyB)
  expect(rotated.json()).toMatchObject({ revision: 2, health: 'verified' })
  for (const node of nodes) {
    const after = await runAgent(node.url, project.api_key)
    expect(after).toMatchObject({ status: 200, body: { meta: { config_revision: 2 } } })
    expect(after.body.meta.key_fingerprint).not.toBe(before.body.meta.key_fingerprint)
    expect(upstream.seen.at(-1)).toMatchObject({ key: keyB })
  }
})

test('of 100 runs in parallel over both nodes, none that starts after the acknowledgement of a rotation uses the old key', async () => {
  const from = upstream.seen.length
  const started = Array.from({ length: 50 }, (_, i) => runAgent(nodes[i % 2]!.url, project.api_key))
  const rotation = command(['llm', 'rotate', project.project_id], keyA)
  const rotated = new AbortController()
  void rotation.then(() => rotated.abort())
  while (!rotated.signal.aborted) {
    const pair = nodes.map((node) => runAgent(node.url, project.api_key))
    started.push(...pair)
    await Promise.all(pair)
  }
  expect((await rotation).json()).toMatchObject({ revision: 3 })
  await Promise.all(started)
  const late = upstream.seen.length
  const after = await Promise.all(Array.from({ length: 50 }, (_, i) => runAgent(nodes[i % 2]!.url, project.api_key)))
  expect(new Set(upstream.seen.slice(late).map(({ key }) => key))).toEqual(new Set([keyA]))
  expect(after.map(({ status, body }) => [status, body.meta.config_revision])).toEqual(after.map(() => [200, 3]))
  expect(upstream.seen.length - from).toBeGreaterThanOrEqual(100)
  for (const answer of await Promise.all(started)) expect([2, 3]).toContain(answer.body.meta.config_revision)
})

test('model, history, the configuration of then, and the audit', async () => {
  const changed = await command(['llm', 'model', project.project_id, 'gpt-4o-mini'])
  expect(changed.json()).toMatchObject({ revision: 4 })
  await runAgent(nodes[0]!.url, project.api_key)
  expect(upstream.seen.at(-1)).toMatchObject({ model: 'gpt-4o-mini' })
  const now = (await command(['llm', 'show', project.project_id])).json() as Record<string, unknown>
  expect(Object.keys(now)).toEqual(
    expect.arrayContaining([
      'provider',
      'base_url',
      'model',
      'has_provider_key',
      'key_fingerprint',
      'revision',
      'changed_at',
      'health',
    ]),
  )
  expect(now).toMatchObject({ provider: 'custom', model: 'gpt-4o-mini', has_provider_key: true, revision: 4 })
  const then = await command(['llm', 'show', project.project_id, '--revision', '2'])
  expect(then.json()).toMatchObject({ model: 'gpt-4o', revision: 2 })
  const history = (await command(['history', project.project_id])).lines() as {
    index: number
    type: string
    sentence: string
  }[]
  expect(history.map(({ type }) => type)).toEqual(
    expect.arrayContaining([
      'ProjectCreated',
      'KeyRejected',
      'ProviderSet',
      'KeyRotated',
      'ModelChanged',
      'RunStarted',
      'RunCompleted',
    ]),
  )
  expect(history.filter(({ sentence }) => !sentence)).toEqual([])
  const later = await command(['history', project.project_id, '--after', String(history[4]!.index)])
  expect(later.lines()).toEqual(history.slice(5))
  const audit = (await command(['audit', 'rotations'])).lines() as {
    keys: { runs: number; runs_after_replaced: number }[]
  }[]
  expect(audit).toMatchObject([{ project_id: project.project_id, runs_after_replaced: 0, equals_view: true }])
  expect(audit[0]!.keys).toHaveLength(3)
  expect(audit[0]!.keys.reduce((sum, k) => sum + k.runs, 0)).toBe(
    history.filter(({ type }) => type === 'RunStarted').length,
  )
})

test('another API key ends the one before at once, on every node; wrong use is told apart from a refusal', async () => {
  const { api_key } = (await command(['api-key', 'regenerate', project.project_id])).json() as { api_key: string }
  for (const node of nodes) {
    expect(await runAgent(node.url, project.api_key)).toMatchObject({
      status: 401,
      body: { error: { code: 'invalid_api_key' } },
    })
    expect(await runAgent(node.url, api_key)).toMatchObject({ status: 200 })
  }
  const removed = await command(['llm', 'remove', project.project_id])
  expect(removed.json()).toMatchObject({ revision: 5 })
  expect(await runAgent(nodes[0]!.url, api_key)).toMatchObject({
    status: 503,
    body: { error: { code: 'service_unavailable' } },
  })
  expect((await command(['doctor'])).code).toBe(0)
  expect(await command(['llm', 'show', randomUUID()])).toMatchObject({ code: 1, stdout: '' })
  expect(await command(['llm', 'show', 'nonsense'])).toMatchObject({ code: 2, stdout: '' })
  expect(await command(['llm', 'nonsense'])).toMatchObject({ code: 2, stdout: '' })
})
