import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Upstream } from '@stewrd/runtime/testing/upstream.ts'
import { startUpstream } from '@stewrd/runtime/testing/upstream.ts'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { ServerProcess } from '../testing/server-process.ts'
import { makeHome, removeHome, startServer, stewrd } from '../testing/server-process.ts'
import { runAgent } from './calls.testing.ts'

// Safe rotation by the command line, beside a server with an embedded database.
const [keyA, keyB, keyC] = ['a', 'b', 'c'].map((name) => `sk-${name}-${randomUUID()}`) as [string, string, string]
let upstream: Upstream
let server: ServerProcess
let project: { project_id: string; api_key: string }
const command = (args: string[], stdin = '') =>
  stewrd(server.home, ['--json', ...args], { stdin, variables: { STEWRD_EGRESS_ALLOW: upstream.host } })
const run = () => runAgent(server.url, project.api_key)
const callsOf = (key: string) => upstream.seen.filter((s) => s.key === key).length

type Key = Record<'fingerprint' | 'from' | 'began', string> & {
  to: string | null
  runs: number
  runs_after_replaced: number
  fallback_runs: number
  destroyed_at: string | null
}
type Row = {
  keys: Key[]
  runs_after_replaced: number
  fallback_runs: number
  policy: object
  overdue: boolean
  equals_view: boolean
}
const audit = async (...args: string[]) =>
  (await command(['audit', 'rotations', '--project', project.project_id, ...args])).lines()[0] as Row

beforeAll(async () => {
  upstream = await startUpstream({ keys: [keyA, keyB, keyC] })
  server = await startServer(await makeHome(), { STEWRD_EGRESS_ALLOW: upstream.host })
  project = (await command(['project', 'create', 'Rotated'])).json() as typeof project
  const place = ['--provider', 'custom', '--model', 'gpt-4o', '--base-url', upstream.baseUrl]
  await command(['llm', 'set', project.project_id, ...place], keyA)
})
afterAll(async () => {
  await server?.stop()
  if (server) await removeHome(server.home)
  await upstream?.close()
})

test('a rule is set, shown, refused by name, and withdrawn', async () => {
  const policy = (...args: string[]) => command(['audit', 'policy', project.project_id, ...args])
  expect((await policy()).json()).toMatchObject({ max_age_days: 90, source: 'deployment' })
  expect((await policy('--max-age', '30', '--reason', 'contract')).json()).toMatchObject({
    max_age_days: 30,
    source: 'project',
  })
  expect(await audit()).toMatchObject({ policy: { max_age_days: 30, source: 'project', by: 'operator:cli' } })
  const refused = await policy('--max-age', 'soon')
  expect(refused).toMatchObject({ code: 1, stdout: '' })
  expect(JSON.parse(refused.stderr)).toMatchObject({ error: { code: 'INVALID_INPUT' } })
  expect((await policy('--max-age', 'default')).json()).toMatchObject({ max_age_days: 90, source: 'deployment' })
})

test('in an overlap every run of many falls back on a 401, and none after the overlap was ended', async () => {
  const rotated = await command(['llm', 'rotate', project.project_id, '--overlap', '1h'], keyB)
  expect(rotated.json()).toMatchObject({ revision: 3, health: 'verified' })
  const shown = (await command(['llm', 'show', project.project_id])).json() as Record<string, string>
  expect(Date.parse(shown.fallback_until!) - Date.now()).toBeGreaterThan(3_500_000)
  upstream.setKeys([keyA, keyC])
  const before = callsOf(keyA)
  const first = await Promise.all(Array.from({ length: 20 }, run))
  expect(first.map((r) => r.status)).toEqual(first.map(() => 200))
  expect(callsOf(keyA) - before).toBe(20)
  expect(first.map((r) => r.body.meta.key_fingerprint)).toEqual(first.map(() => shown.fallback_fingerprint))
  expect(await audit()).toMatchObject({ fallback_runs: 20, runs_after_replaced: 0, equals_view: true })

  const during = Array.from({ length: 40 }, run)
  const ended = await command(['llm', 'end-overlap', project.project_id])
  expect(ended.json()).toMatchObject({ revision: 4 })
  const acknowledged = Date.now()
  const after = await Promise.all(Array.from({ length: 20 }, run))
  await Promise.all(during)
  expect(after.map((r) => r.body.error.code)).toEqual(after.map(() => 'provider_key_rejected'))
  expect(upstream.seen.filter((s) => s.key === keyA && s.at > acknowledged)).toHaveLength(0)
  const report = await audit()
  expect(report).toMatchObject({ runs_after_replaced: 0, equals_view: true })
  expect(report.keys[0]).toMatchObject({ destroyed_at: expect.any(String), runs_after_replaced: 0 })
  expect(report.fallback_runs).toBe(callsOf(keyA) - before)
})

test('a staged key is activated and rolled back, and an older revision says that its key is gone', async () => {
  upstream.setKeys([keyA, keyB, keyC])
  expect((await command(['llm', 'stage', project.project_id], keyC)).json()).toMatchObject({ revision: 5 })
  expect(await command(['llm', 'activate', project.project_id, '--overlap', '30m'])).toMatchObject({ code: 0 })
  expect((await run()).status).toBe(200)
  expect(upstream.seen.at(-1)?.key).toBe(keyC)
  expect(await command(['llm', 'rollback', project.project_id, '--reason', 'quota'])).toMatchObject({ code: 0 })
  expect((await run()).status).toBe(200)
  expect(upstream.seen.at(-1)?.key).toBe(keyB)
  const again = await command(['llm', 'rollback', project.project_id])
  expect(again.code).toBe(1)
  expect(JSON.parse(again.stderr)).toMatchObject({ error: { code: 'NO_OVERLAP' } })
  const restored = await command(['llm', 'restore', project.project_id, '--revision', '1'])
  expect(restored.json()).toMatchObject({ key: 'destroyed', model: 'gpt-4o' })
  const tooLong = await command(['llm', 'rotate', project.project_id, '--overlap', '25h'], keyC)
  expect(JSON.parse(tooLong.stderr)).toMatchObject({ error: { code: 'INVALID_INPUT' } })
  expect(await command(['llm', 'rotate', project.project_id, '--overlap', 'long'], keyC)).toMatchObject({ code: 2 })
})

test('the report is a document and a table too', async () => {
  const [pdf, csv] = [join(server.home, 'audit.pdf'), join(server.home, 'audit.csv')]
  await audit('--pdf', pdf, '--csv', csv)
  expect((await readFile(pdf)).subarray(0, 5).toString()).toBe('%PDF-')
  const rows = (await readFile(csv, 'utf8')).trim().split('\r\n')
  expect(rows).toHaveLength(5)
  expect(rows[0]).toContain('fingerprint,provider,base_url,from,to,set_by,replaced_by')
})

test('a server that is killed in an overlap goes on with it, and no key is ever printed', async () => {
  expect(await command(['llm', 'rotate', project.project_id, '--overlap', '1h'], keyC)).toMatchObject({ code: 0 })
  const { home } = server
  await server.kill()
  server = await startServer(home, { STEWRD_EGRESS_ALLOW: upstream.host })
  upstream.setKeys([keyB])
  const before = callsOf(keyB)
  expect((await run()).status).toBe(200)
  expect(callsOf(keyB)).toBe(before + 1)
  for (const key of [keyA, keyB, keyC]) expect(server.output()).not.toContain(key)
})
