// Servers of its own, each behind a PgBouncer.
import { randomBytes, randomUUID } from 'node:crypto'
import { connect, disconnect } from '@stewrd/db/connect.ts'
import type { PgBouncer } from '@stewrd/db/testkit/pgbouncer.ts'
import {
  pgbouncerIsInstalled,
  pgbouncerIsRequired,
  pgbouncerVersion,
  startPgBouncer,
} from '@stewrd/db/testkit/pgbouncer.ts'
import type { Upstream } from '@stewrd/runtime/testing/upstream.ts'
import { startUpstream } from '@stewrd/runtime/testing/upstream.ts'
import type { TestContext } from 'vitest'
import { afterAll, afterEach, beforeAll, expect, inject, test } from 'vitest'
import { rotateMaster } from '../keys/rotate-master.ts'
import type { TestPlatform } from '../testing/platform.ts'
import { testPlatform } from '../testing/platform.ts'
import { listen } from '../testing/server.ts'

const server = inject('postgresUrl')
const limits = { timeout: 180_000 }
const providerKey = `sk-pooled-${randomUUID()}`
let upstream: Upstream
beforeAll(async () => {
  upstream = await startUpstream({ keys: [providerKey] })
})
afterAll(() => upstream.close())
const running: PgBouncer[] = []
afterEach(async () => {
  for (const pooler of running.splice(0)) await pooler.stop()
})

function needed(skip: TestContext['skip']): void {
  expect(pgbouncerIsInstalled || !pgbouncerIsRequired, 'CI needs PgBouncer: apt-get install pgbouncer').toBe(true)
  skip(!pgbouncerIsInstalled, 'PgBouncer is not installed here')
}
async function pooled(
  mode: 'session' | 'transaction',
  more: { users?: Record<string, string>; settings?: Record<string, string> } = {},
) {
  const pooler = await startPgBouncer({ server, mode, ...more })
  running.push(pooler)
  return pooler
}
const keepsStatements = () => {
  const [major, minor] = pgbouncerVersion()
  return major > 1 || minor >= 21
}
// From 1.21 on it can; from 1.24 on it does unless it is told otherwise.
const statements = () => (keepsStatements() ? { settings: { max_prepared_statements: '200' } } : {})

const variables = () => ({ STEWRD_EGRESS_ALLOW: upstream.host })

/** 50 runs, ten at a time, and everything that follows the log. */
async function works({ platform }: TestPlatform): Promise<void> {
  const served = await listen(platform)
  const { projectId, apiKey } = await served.client.projects.create.mutate({ name: 'Pooled' })
  const provider = { projectId, provider: 'custom', baseUrl: upstream.baseUrl, model: 'gpt-4o' } as const
  await served.client.llm.set.mutate({ ...provider, key: providerKey })
  const run = async (): Promise<number> => {
    const response = await fetch(`${served.url}/v1/agent`, {
      method: 'POST',
      headers: { authorization: `Bearer ${apiKey}`, 'content-type': 'application/json' },
      body: JSON.stringify({ message: `hello ${randomUUID()}` }),
    })
    await response.text()
    return response.status
  }
  const statuses: number[] = []
  for (let i = 0; i < 5; i++) statuses.push(...(await Promise.all(Array.from({ length: 10 }, run))))
  expect(statuses).toEqual(Array.from({ length: 50 }, () => 200))
  await served.client.projects.rename.mutate({ projectId, name: 'Renamed' })
  await expect
    .poll(() => platform.views.get('projects', platform.accountId, projectId), { timeout: 30_000 })
    .toMatchObject({ name: 'Renamed' })
  await expect
    .poll(async () => (await platform.views.list('runs', platform.accountId, { projectId, limit: 100 })).rows.length, {
      timeout: 30_000,
    })
    .toBe(50)
  // It holds a lock while it works.
  expect((await rotateMaster(platform, { actor: 'operator:test' })).left).toBe(0)
  expect(await platform.verifier.verify('operator:test')).toMatchObject({ wrong: 0 })
  await served.close()
}

async function worksThrough(pooler: PgBouncer) {
  const tested = await testPlatform(variables(), async (url) => pooler.through(url))
  await works(tested)
  await tested.close()
  return tested.platform.access
}
const ownLogins = { advice: undefined, app: { role: null }, worker: { role: null } }

test('through a pooler in session mode everything works, as logins that own nothing', limits, async ({ skip }) => {
  needed(skip)
  const pooler = await pooled('session')
  expect(await worksThrough(pooler)).toMatchObject({ ...ownLogins, pooler: { mode: 'session' } })
})

test(
  'through one in transaction mode everything works if it keeps prepared statements, and it is refused by name if not',
  limits,
  async ({ skip }) => {
    needed(skip)
    const pooler = await pooled('transaction', statements())
    const access = keepsStatements() ? await worksThrough(pooler) : undefined
    expect(access?.pooler).toEqual(keepsStatements() ? { mode: 'transaction' } : undefined)
    const unable = keepsStatements()
      ? await pooled('transaction', { settings: { max_prepared_statements: '0' } })
      : pooler
    await expect(testPlatform(variables(), async (url) => unable.through(url))).rejects.toThrow(
      'does not keep prepared statements (PgBouncer before 1.21, or with max_prepared_statements = 0). Use PgBouncer 1.21 or later and set max_prepared_statements = 200, or set pool_mode = session.',
    )
  },
)

test('one that drops what a session starts with is never taken for one that obeys', limits, async ({ skip }) => {
  needed(skip)
  const { username, password } = new URL(server)
  const ignore_startup_parameters = 'statement_timeout,plan_cache_mode,enable_seqscan,role'
  const pooler = await pooled('session', { users: { [username]: password }, settings: { ignore_startup_parameters } })
  await expect(testPlatform(variables(), async (url) => pooler.through(url))).rejects.toThrow(
    `its role is ${username} and not stewrd_app: a pooler in between drops startup parameters`,
  )
})

test('one with a list of users says what to do, and works with a login that is on it', limits, async ({ skip }) => {
  needed(skip)
  const { username, password } = new URL(server)
  const login = `pooled_${randomBytes(4).toString('hex')}`
  const admin = connect(`${server}/postgres`, { max: 1, role: null })
  await admin.unsafe(`create role ${login} login password 'x' in role stewrd_app`)
  const pooler = await pooled('session', { users: { [username]: password, [login]: 'x' } })
  const refused = testPlatform(variables(), async (url) => pooler.through(url))
  await expect(refused).rejects.toThrow(
    /Let pg_hba.conf, or the user list of the pooler \(or its auth_query\), know it.*STEWRD_DATABASE_OWNER_URL/,
  )
  const own = { ...variables(), STEWRD_DATABASE_OWNER_URL: '' }
  const tested = await testPlatform(own, async (url) => {
    own.STEWRD_DATABASE_OWNER_URL = url
    const way = new URL(pooler.through(url))
    Object.assign(way, { username: login, password: 'x' })
    return way.href
  })
  expect(tested.platform.access).toMatchObject({ app: { target: { user: login } }, advice: undefined })
  await works(tested)
  await tested.close()
  await admin.unsafe(`drop role ${login}`)
  await disconnect(admin)
})
