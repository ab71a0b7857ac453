import { randomUUID } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { connect, disconnect } from '@stewrd/db/connect.ts'
import { startEmbedded } from '@stewrd/db/embedded/embedded.ts'
import { postgresDir } from '@stewrd/db/embedded/location.ts'
import { Secret } from '@stewrd/crypto/secret.ts'
import type { Upstream } from '@stewrd/runtime/testing/upstream.ts'
import { startUpstream } from '@stewrd/runtime/testing/upstream.ts'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { clientOf, owner, signIn } from '../testing/server.ts'
import { makeHome, removeHome, startServer, stewrd } from '../testing/server-process.ts'
import { runAgent } from './calls.testing.ts'

// One story with unique keys, good and bad; then every place where bytes stay is searched for them.
const keys = Array.from({ length: 4 }, () => `sk-leak-${randomUUID()}`) as [string, string, string, string]
const [keyA, keyB, refusedKey, unreachableKey] = keys
const marker = `marker ${randomUUID()}`
let upstream: Upstream
let home: string
const answers: string[] = []
const written: string[] = []
let apiKey = ''
let refused: string[] = []

/** How a key could be spelt where somebody forgot it: plain, in halves, as base64 at any offset, as hex. */
function spellings(key: string): string[] {
  const body = key.slice('sk-leak-'.length)
  const base64 = [0, 1, 2].map((by) => Buffer.from(body.slice(by)).toString('base64').slice(0, 24))
  return [body, body.slice(0, 16), body.slice(-16), Buffer.from(body).toString('hex'), ...base64]
}
const found = (text: string) => keys.flatMap(spellings).filter((spelling) => text.includes(spelling))

beforeAll(async () => {
  upstream = await startUpstream({ keys: [keyA, keyB] })
  home = await makeHome()
  const server = await startServer(home, { STEWRD_EGRESS_ALLOW: upstream.host })
  const variables = { STEWRD_EGRESS_ALLOW: upstream.host }
  const command = async (args: string[], stdin = '') => {
    const result = await stewrd(home, ['--json', ...args], { stdin, variables })
    written.push(result.stdout, result.stderr)
    return result
  }
  await command(['owner', 'create', '--email', owner.email], owner.password)
  const project = (await command(['project', 'create', marker])).json() as { project_id: string; api_key: string }
  apiKey = project.api_key
  const id = project.project_id
  const set = ['llm', 'set', id, '--provider', 'custom', '--model', 'gpt-4o', '--base-url', upstream.baseUrl]
  await command(set, refusedKey)
  await command(set, keyA)
  const client = clientOf(server.url, await signIn(server.url, owner), answers)
  const refusals = [
    client.llm.rotate.mutate({ projectId: id, key: refusedKey }),
    client.llm.rotate.mutate({ projectId: id, key: `${keyB}\n${keyB}` }),
    client.llm.set.mutate({
      projectId: id,
      provider: 'custom',
      baseUrl: `http://${keyB}@127.0.0.1/v1`,
      model: 'm',
      key: keyB,
    }),
    client.llm.changeModel.mutate({ projectId: keyB, model: keyB }),
  ]
  const outcomes = await Promise.allSettled(refusals)
  refused = outcomes.map(({ status }) => status)
  await runAgent(server.url, apiKey, answers)
  for (const fault of ['unauthorized', 'quota', 'server-error', 'garbage', 'reset', 'truncate'] as const) {
    upstream.fail(fault)
    await runAgent(server.url, apiKey, answers)
    await runAgent(server.url, apiKey, answers, { stream: true })
  }
  upstream.fail('reset')
  await client.llm.rotate.mutate({ projectId: id, key: unreachableKey })
  upstream.fail(undefined)
  await client.llm.rotate.mutate({ projectId: id, key: keyB, reason: marker })
  await client.llm.stage.mutate({ projectId: id, key: keyA })
  await client.llm.activate.mutate({ projectId: id, overlapMinutes: 5 })
  upstream.setKeys([keyB])
  await runAgent(server.url, apiKey, answers)
  upstream.setKeys([keyA, keyB])
  await client.llm.rollBack.mutate({ projectId: id })
  await client.llm.restore.mutate({ projectId: id, revision: 1 })
  answers.push(Buffer.from((await client.audit.rotationsPdf.query({})).base64, 'base64').toString('latin1'))
  await runAgent(server.url, apiKey, answers)
  await client.llm.current.query({ projectId: id })
  await client.history.list.query({ projectId: id })
  await client.audit.rotations.query({})
  await client.runs.list.query({ projectId: id })
  await command(['llm', 'show', id])
  await command(['history', id])
  await command(['audit', 'rotations'])
  await command(['doctor'])
  await server.stop()
  written.push(server.output())
}, 120_000)
afterAll(async () => {
  await removeHome(home)
  await upstream?.close()
})

test('no answer and nothing written to a terminal or a log holds a key', () => {
  expect(refused).toEqual(['rejected', 'rejected', 'rejected', 'rejected'])
  expect(upstream.seen.at(-1)).toMatchObject({ key: keyB })
  expect(answers.length).toBeGreaterThan(30)
  expect(found(answers.join('\n'))).toEqual([])
  expect(answers.join('\n')).toContain(marker)
  expect(found(written.join('\n'))).toEqual([])
  expect(written.join('\n')).toContain(marker)
  // The search itself: it finds what is there.
  expect(found(`x${Buffer.from(` ${keyA}`).toString('base64')}`).length + found(keyA).length).toBeGreaterThan(0)
})

test('no row of any table holds a key', async () => {
  const embedded = await startEmbedded({ home, as: 'server' })
  const sql = connect(embedded.url, { role: null })
  try {
    const tables = await sql<
      { name: string }[]
    >`select relname as name from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace`
    expect(tables.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['events', 'heads', 'log', 'view_rows', 'data_keys']),
    )
    let everything = ''
    for (const { name } of tables)
      for (const { row } of await sql<{ row: string }[]>`select t::text as row from ${sql(name)} t`)
        everything += readable(row)
    expect(found(everything)).toEqual([])
    expect(everything).toContain(marker)
    await sql`create table planted (bytes bytea)`
    await sql`insert into planted values (${Buffer.from('planted-in-the-database')})`
    await sql`checkpoint`
  } finally {
    await disconnect(sql)
    await embedded.stop()
  }
})

/** A row as text, and what its bytea columns hold as text. */
const readable = (row: string) =>
  row + [...row.matchAll(/\\x([0-9a-f]+)/g)].map(([, hex]) => Buffer.from(hex!, 'hex').toString('latin1')).join('\n')

test('no file of the home holds a key: not the data, not the write-ahead log, not a log', async () => {
  const files = [...(await filesBelow(home)), ...(await filesBelow(await postgresDir(home)))]
  const needles = [...keys.flatMap(spellings), apiKey]
  let planted = 0
  for (const file of new Set(files)) {
    const bytes = await readFile(file)
    if (bytes.includes('planted-in-the-database')) planted++
    expect(needles.filter((needle) => bytes.includes(needle)).length, file).toBe(0)
  }
  // In the table's file and in the write-ahead log.
  expect(planted).toBeGreaterThanOrEqual(2)
  expect(files.some((file) => file.includes('pg_wal'))).toBe(true)
  expect(files.some((file) => file.endsWith('postgres.log'))).toBe(true)
})

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  return entries.filter((e) => e.isFile()).map((e) => join(e.parentPath, e.name))
}

test('a secret is a mask wherever it is written by mistake', () => {
  expect(found(JSON.stringify({ key: new Secret(keyA) }))).toEqual([])
})
