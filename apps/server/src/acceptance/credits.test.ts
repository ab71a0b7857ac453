import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { noLimits } from '@stewrd/core/projects/limits.ts'
import type { Sql } from '@stewrd/db/connect.ts'
import { connect, disconnect } from '@stewrd/db/connect.ts'
import type { TestDatabase } from '@stewrd/db/testing/database.ts'
import { createTestDatabase } from '@stewrd/db/testing/database.ts'
import type { Upstream } from '@stewrd/runtime/testing/upstream.ts'
import { startUpstream } from '@stewrd/runtime/testing/upstream.ts'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { clientOf, owner, signIn } from '../testing/server.ts'
import type { ServerProcess } from '../testing/server-process.ts'
import { makeHome, removeHome, startServer, stewrd } from '../testing/server-process.ts'

const key = `sk-credits-${randomUUID()}`
type Project = { project_id: string; api_key: string }
let database: TestDatabase
let upstream: Upstream
let home: string
let other: string
let variables: Record<string, string>
let nodes: [ServerProcess, ServerProcess]
let sql: Sql

const cli = async (args: string[], stdin?: string) => {
  const done = await stewrd(home, ['--json', ...args], { variables, ...(stdin !== undefined && { stdin }) })
  if (done.code !== 0) throw new Error(done.stderr)
  return done.json()
}
async function newProject(): Promise<Project> {
  const project = (await cli(['project', 'create', 'Credits'])) as Project
  const to = ['--provider', 'custom', '--model', 'gpt-4o', '--base-url', upstream.baseUrl]
  await cli(['llm', 'set', project.project_id, ...to], key)
  return project
}
const start = (at: string) => startServer(at, variables)

beforeAll(async () => {
  ;[database, upstream, home] = await Promise.all([createTestDatabase(), startUpstream({ keys: [key] }), makeHome()])
  variables = {
    DATABASE_URL: database.url,
    STEWRD_KEYRING: `file:${join(home, 'keyring.json')}`,
    STEWRD_EGRESS_ALLOW: upstream.host,
    STEWRD_METERING: 'on',
  }
  await stewrd(home, ['owner', 'create', '--email', owner.email], { stdin: owner.password, variables })
  other = await makeHome()
  nodes = [await start(home), await start(other)]
  sql = connect(database.url, { role: null })
}, 60_000)
afterAll(async () => {
  upstream?.release()
  await Promise.all((nodes ?? []).map((node) => node.kill()))
  if (sql) await disconnect(sql)
  await upstream?.close()
  await database?.drop()
  await Promise.all([home, other].map(removeHome))
})

/** The HTTP status, or `cut` when the server died. */
const ask = (server: ServerProcess, { api_key }: Project): Promise<number | 'cut'> =>
  fetch(`${server.url}/v1/agent`, {
    method: 'POST',
    headers: { authorization: `Bearer ${api_key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ message: 'Hi', stream: false }),
  }).then(
    async (response) => {
      await response.text()
      return response.status
    },
    () => 'cut' as const,
  )
/** Calls at once, over both nodes; `seen` counts answers as they come. */
function askMany(project: Project, count: number) {
  const seen = new Map<number | 'cut', number>()
  const all = Array.from({ length: count }, (_, i) =>
    ask(nodes[i % 2]!, project).then((status) => {
      seen.set(status, (seen.get(status) ?? 0) + 1)
      return status
    }),
  )
  return { seen, all: Promise.all(all) }
}
const count = async (project: Project, type: string) => {
  const [row] = await sql<{ n: number }[]>`
    select count(*)::int as n from events where project_id = ${project.project_id} and type = ${type}`
  return row!.n
}
type Balance = { credits: number }
const balance = async () => ((await cli(['credits', 'balance'])) as Balance).credits

/** Entries follow each other to the balance, and each run was charged once and ended once. */
async function expectExact() {
  const [sums] = await sql<{ balance: number; entries: number; twice: number; open: number; begun: number }[]>`
    select (select free + paid from credit_balances) as balance,
      (select sum(free_after - free_before + paid_after - paid_before)::int from credit_entries) as entries,
      (select count(*)::int from (
        select run_id, kind in ('settle', 'refund') as ended from credit_entries where run_id is not null group by 1, 2 having count(*) > 1) t) as twice,
      (select count(*)::int from credit_entries r where kind = 'reserve' and not exists (
        select from credit_entries e where e.run_id = r.run_id and e.kind in ('settle', 'refund'))) as open,
      (select count(*)::int from credit_entries r where kind = 'reserve') - (select count(*)::int from events where type = 'RunStarted') as begun`
  expect(sums).toMatchObject({ entries: sums!.balance, twice: 0, open: 0, begun: 0 })
}

test('1,000 runs at once with 300 credits left, answers held back: 300 run, and the ledger is exact', async () => {
  const project = await newProject()
  await cli(['credits', 'grant', '100'])
  expect(await balance()).toBe(300)
  upstream.hold()
  const calls = askMany(project, 1000)
  await vi.waitFor(() => expect(calls.seen.get(402)).toBe(700), { timeout: 60_000, interval: 50 })
  expect(await balance()).toBe(0)
  expect([...calls.seen.keys()]).toEqual([402])
  upstream.release()
  const statuses = await calls.all
  expect(statuses.filter((s) => s === 200)).toHaveLength(300)
  expect(await count(project, 'RunStarted')).toBe(300)
  expect(await count(project, 'RunCompleted')).toBe(300)
  await expectExact()
}, 120_000)

test('the same with a node killed while runs begin: none runs without credits, none is charged twice, all end', async () => {
  const project = await newProject()
  await cli(['credits', 'grant', '300'])
  upstream.hold()
  const before = upstream.seen.length
  const calls = askMany(project, 1000)
  await vi.waitFor(() => expect(upstream.seen.length - before).toBeGreaterThan(60), { timeout: 30_000, interval: 2 })
  await nodes[0].kill()
  // The other node goes on until the credits are spent; what the dead one had begun is charged, and goes on there.
  await vi.waitFor(async () => expect(await balance()).toBe(0), { timeout: 60_000, interval: 200 })
  upstream.release()
  await calls.all
  await vi.waitFor(async () => expect(await count(project, 'RunCompleted')).toBe(300), {
    timeout: 60_000,
    interval: 500,
  })
  expect(await count(project, 'RunStarted')).toBe(300)
  expect(calls.seen.get('cut')).toBeGreaterThan(0)
  await expectExact()
  nodes[0] = await start(home)
}, 180_000)

test('200 calls at once on two nodes: exactly 60 pass in the window', async () => {
  const project = await newProject()
  await cli(['credits', 'grant', '200'])
  const client = clientOf(nodes[0].url, await signIn(nodes[0].url, owner))
  await client.projects.changeLimits.mutate({
    projectId: project.project_id,
    limits: { ...noLimits, runsPerMinute: 60 },
  })
  const { all } = askMany(project, 200)
  const statuses = await all
  expect([statuses.filter((s) => s === 200).length, statuses.filter((s) => s === 429).length]).toEqual([60, 140])
  expect(await count(project, 'RunStarted')).toBe(60)
  await expectExact()
}, 60_000)
