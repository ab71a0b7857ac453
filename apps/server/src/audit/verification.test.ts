import { connect, disconnect } from '@stewrd/db/connect.ts'
import type { Sql } from '@stewrd/db/connect.ts'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { createProject } from '../projects/service.ts'
import { stewrd } from '../testing/server-process.ts'
import type { TestServer } from '../testing/server.ts'
import { listen } from '../testing/server.ts'
import type { TestPlatform } from '../testing/platform.ts'
import { testPlatform } from '../testing/platform.ts'

let tested: TestPlatform
let server: TestServer
let owner: Sql
beforeAll(async () => {
  tested = await testPlatform()
  server = await listen(tested.platform)
  owner = connect(tested.database.url, { max: 1, role: null })
  for (let i = 0; i < 3; i++) await createProject(tested.platform, { name: `p${i}` }, 'operator:test')
  await vi.waitFor(async () => {
    const { log } = await server.client.system.health.query()
    if (log.size === 0 || log.checkpoint?.size !== log.size) throw new Error('not all is signed yet')
  }, 10_000)
})
afterAll(async () => {
  await server?.close()
  if (owner) await disconnect(owner)
  await tested?.close()
})

const verified = async () => {
  const since = (await server.client.audit.verification.query()).last?.at ?? 0
  await server.client.audit.verify.mutate()
  return vi.waitFor(async () => {
    const { running, last } = await server.client.audit.verification.query()
    expect(running).toBeNull()
    expect(last?.at).toBeGreaterThan(since)
    return last!
  }, 10_000)
}
const cli = (...args: string[]) =>
  stewrd(tested.env.home, ['audit', 'verify', ...args], { variables: { DATABASE_URL: tested.database.url } })

test('the history is verified on request, and everybody sees up to where', async () => {
  expect((await server.client.audit.verification.query()).last).toBeNull()
  const last = await verified()
  const size = await tested.platform.history.size()
  expect(last).toMatchObject({
    wrong: 0,
    findings: [],
    size,
    hashed: size,
    by: { label: expect.any(String) as string },
  })
  expect(last.checkpoint?.size).toBe(size)
  expect(last.opened).toBeGreaterThanOrEqual(size)
})

test('two that ask at once share one verification', async () => {
  const { verifier } = tested.platform
  const [a, b] = await Promise.all([verifier.verify('operator:a'), verifier.verify('operator:b')])
  expect(a).toBe(b)
  expect(a.actor).toBe('operator:a')
  expect(verifier.progress).toBeUndefined()
})

test('the command says what holds, and ends with 0', async () => {
  const { code, stdout } = await cli()
  expect(code).toBe(0)
  expect(stdout).toMatch(/^The history is what was recorded\. \d+ events, \d+ of them under a signed checkpoint;/)
  const [asJson] = (await cli('--json', '--open', 'all')).lines()
  expect(asJson).toMatchObject({ ok: true, wrong: 0, findings: [] })
  expect((await cli('--open', 'some')).code).toBe(2)
})

test('an edited event is named, by the command with exit code 1 and in the dashboard', async () => {
  const [event] = await owner<{ stream: string; seq: number }[]>`
    update events e set actor = 'operator:evil' from log l
    where l.idx = 1 and (e.stream, e.seq) = (l.stream, l.seq) returning e.stream, e.seq`
  const { code, stdout } = await cli()
  expect(code).toBe(1)
  expect(stdout).toContain('The history is NOT what was recorded')
  expect(stdout).toContain(`Event ${event!.seq} of ${event!.stream} (`)
  expect((await cli('--json')).json()).toMatchObject({
    ok: false,
    findings: [{ code: 'EVENT_CHANGED', index: 1, event: { stream: event!.stream, seq: event!.seq } }],
  })
  const last = await verified()
  expect(last.wrong).toBeGreaterThan(0)
  expect(last.findings[0]).toMatchObject({ code: 'EVENT_CHANGED', index: 1 })
})

test('one that cannot be carried out says so, and keeps what the last one found', async () => {
  const before = (await server.client.audit.verification.query()).last
  await owner`revoke select on heads from stewrd_app`
  await server.client.audit.verify.mutate()
  await expect.poll(async () => (await server.client.audit.verification.query()).failed).toBe(true)
  await owner`grant select on heads to stewrd_app`
  expect((await server.client.audit.verification.query()).last).toEqual(before)
})
