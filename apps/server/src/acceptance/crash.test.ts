import { randomUUID } from 'node:crypto'
import type { Upstream } from '@stewrd/runtime/testing/upstream.ts'
import { startUpstream } from '@stewrd/runtime/testing/upstream.ts'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { clientOf, owner, signIn } from '../testing/server.ts'
import { makeHome, removeHome, startServer, stewrd } from '../testing/server-process.ts'
import { runAgent } from './calls.testing.ts'

const ROUNDS = 20
const key = `sk-crash-${randomUUID()}`
let upstream: Upstream
let home: string
let project: { project_id: string; api_key: string }
let cookie = ''

beforeAll(async () => {
  upstream = await startUpstream({ keys: [key] })
  home = await makeHome()
  const variables = { STEWRD_EGRESS_ALLOW: upstream.host }
  await stewrd(home, ['owner', 'create', '--email', owner.email], { stdin: owner.password })
  project = (await stewrd(home, ['--json', 'project', 'create', 'crash'])).json() as typeof project
  const set = [
    'llm',
    'set',
    project.project_id,
    '--provider',
    'custom',
    '--model',
    'm0',
    '--base-url',
    upstream.baseUrl,
  ]
  const saved = await stewrd(home, set, { stdin: key, variables })
  if (saved.code !== 0) throw new Error(saved.stderr)
}, 60_000)
afterAll(async () => {
  upstream?.release()
  await removeHome(home)
  await upstream?.close()
})

test(`killed ${ROUNDS} times in the middle of writes and of a run, it loses nothing that was acknowledged`, async () => {
  const acknowledged: { model: string; revision: number }[] = []
  const interrupted: string[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const server = await startServer(home, { STEWRD_EGRESS_ALLOW: upstream.host })
    if (!cookie) cookie = await signIn(server.url, owner)
    const client = clientOf(server.url, cookie)
    upstream.hold()
    const before = upstream.seen.length
    const run = runAgent(server.url, project.api_key).catch(() => 'cut')
    await vi.waitFor(() => expect(upstream.seen.length).toBeGreaterThan(before), { timeout: 10_000, interval: 5 })
    interrupted.push(`round ${round}`)
    const cut = new AbortController()
    const writers = Array.from({ length: 4 }, async (_, w) => {
      for (let n = 0; !cut.signal.aborted; n++) {
        const model = `m-${round}-${w}-${n}`
        const change = await client.llm.changeModel
          .mutate({ projectId: project.project_id, model })
          .catch(() => undefined)
        if (change) acknowledged.push({ model, revision: change.revision })
      }
    })
    const target = acknowledged.length + 8 + round
    await vi.waitFor(() => expect(acknowledged.length).toBeGreaterThan(target), { timeout: 10_000, interval: 1 })
    cut.abort()
    await server.kill()
    await Promise.all(writers)
    expect(await run).toBe('cut')
    upstream.release()
  }
  const server = await startServer(home, { STEWRD_EGRESS_ALLOW: upstream.host })
  const history = (await stewrd(home, ['--json', 'history', project.project_id])).lines() as Entry[]
  const models = new Map(history.filter((e) => e.type === 'ModelChanged').map((e) => [e.seq, e.data.to]))
  expect(acknowledged.filter(({ model, revision }) => models.get(revision) !== model)).toEqual([])
  expect(acknowledged.length).toBeGreaterThan(ROUNDS * 8)
  const revisions = history.filter((e) => e.stream.startsWith('llm:')).map((e) => e.seq)
  expect(revisions).toEqual(revisions.map((_, i) => i + 1))
  const indexes = history.map((e) => e.index)
  expect(new Set(indexes).size).toBe(indexes.length)
  expect(indexes).toEqual(indexes.toSorted((a, b) => a - b))
  // Every run that was cut ends as failed, by itself.
  const client = clientOf(server.url, cookie)
  await vi.waitFor(
    async () => {
      const { runs } = await client.runs.list.query({ projectId: project.project_id, limit: 100 })
      expect(runs.map(({ status }) => status)).toEqual(interrupted.map(() => 'failed'))
    },
    { timeout: 40_000, interval: 200 },
  )
  await client.llm.changeModel.mutate({ projectId: project.project_id, model: 'gpt-4o' })
  expect(await runAgent(server.url, project.api_key)).toMatchObject({ status: 200 })
  expect(await stewrd(home, ['doctor'])).toMatchObject({ code: 0 })
  await server.stop()
}, 240_000)

type Entry = { index: number; type: string; stream: string; seq: number; data: { to: string } }
