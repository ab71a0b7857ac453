// Two server processes of which one has a clock of its own: no other file can live with such a node beside it.
import { randomUUID } from 'node:crypto'
import type { Sql } from '@stewrd/db/connect.ts'
import { connect, disconnect } from '@stewrd/db/connect.ts'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { clockAhead } from '../testing/clock-ahead.ts'
import { clientOf, owner, signIn } from '../testing/server.ts'
import type { ServerProcess } from '../testing/server-process.ts'
import { stewrd } from '../testing/server-process.ts'
import type { Bed } from './conformance/testing/bed.ts'
import { openBed } from './conformance/testing/bed.ts'

const DAY_S = 86_400
const WAIT = { timeout: 60_000, interval: 200 }
let bed: Bed
let ahead: ServerProcess
let sql: Sql
beforeAll(async () => {
  bed = await openBed()
  sql = connect(bed.database.url, { max: 1 })
  ahead = await bed.another(clockAhead(400 * DAY_S))
}, 120_000)
afterAll(async () => {
  await disconnect(sql)
  await bed?.close()
})

type Answer = { id: string; status: string; error?: { code: string } }
const answerOf = async (response: Response) => ({
  status: response.status,
  body: (await response.json()) as Answer,
})
const ask = async (to: ServerProcess, body: object, headers: Record<string, string> = {}) =>
  answerOf(await bed.call('POST', '/v1/agent', { stream: false, ...body }, { to, headers }))
const client = () => bed.client
const audit = () => stewrd(bed.home, ['audit', 'verify', '--json'], { variables: bed.variables })

/** The node that is ahead looks for what is due every three seconds: until it has lived that long twice, as its beats say. */
async function looksTwice() {
  const beats = async () => {
    const [row] = await sql<{ at: number }[]>`
      select extract(epoch from seen_at)::double precision as at from nodes where clock_ahead_ms > 1000000`
    return row!.at
  }
  const before = await beats()
  await vi.waitFor(async () => expect((await beats()) - before).toBeGreaterThan(7), WAIT)
}

test('a node whose clock is off says so and is not ready; the other is, and its health names the one that is off', async () => {
  const [mine, theirs] = await Promise.all([bed.server, ahead].map(({ url }) => fetch(`${url}/readyz`)))
  expect(mine!.status).toBe(200)
  expect(theirs!.status).toBe(503)
  expect(await theirs!.json()).toMatchObject({
    reason: 'clock',
    message: expect.stringContaining("clock is 400.0 days ahead of the database's"),
  })
  expect(ahead.output()).toContain('400.0 days ahead of')
  const { clock } = await client().system.health.query()
  expect(clock).toMatchObject({ off: false, trusted: true, nodesOff: [{ by: '400.0 days ahead of the database' }] })
  const { stdout } = await stewrd(bed.home, ['doctor', '--json'], { variables: bed.variables })
  expect(stdout).toContain('400.0 days ahead of the database')
})

test('outputs of tools are accepted by a node that is ahead', async () => {
  bed.sides.double.model.reply(({ messages = [] }) =>
    messages.at(-1)!.role === 'tool'
      ? { content: 'Done.' }
      : { toolCalls: [{ id: 'c1', name: 'weather', arguments: '{}' }] },
  )
  const tool = { name: 'weather', description: 'The weather of a city.', parameters: { type: 'object' } }
  const paused = await ask(bed.server, { message: 'Weather?', tools: [tool] })
  expect(paused.body.status).toBe('requires_tool_outputs')
  const outputs = { tool_outputs: [{ tool_call_id: 'c1', output: 'sunny' }] }
  const done = await bed.call('POST', `/v1/agent/${paused.body.id}/tool-outputs`, outputs, { to: ahead })
  expect(await answerOf(done)).toMatchObject({ status: 200, body: { status: 'completed' } })
  bed.calm()
})

test('an idempotency key names one run, whichever node is asked first', async () => {
  for (const nodes of [
    [bed.server, ahead],
    [ahead, bed.server],
  ]) {
    const headers = { 'idempotency-key': randomUUID() }
    const [first, second] = [
      await ask(nodes[0]!, { message: 'Once' }, headers),
      await ask(nodes[1]!, { message: 'Once' }, headers),
    ]
    expect([first.status, second.status]).toEqual([200, 200])
    expect(second.body.id).toBe(first.body.id)
  }
})

test('a run that was taken over by a node that is ahead completes', async () => {
  const dying = await bed.another()
  const { upstream } = bed.double
  upstream.hold()
  const headers = { prefer: 'respond-async, wait=0' }
  const { body } = await ask(dying, { message: 'Go on' }, headers)
  await vi.waitFor(() => expect(upstream.seen.at(-1)?.path).toContain('/chat/completions'), WAIT)
  // Only the one that is ahead is left to take it over.
  bed.server.freeze()
  try {
    await dying.kill()
    upstream.release()
    const read = () => bed.call('GET', `/v1/agent/${body.id}`, undefined, { to: ahead })
    const ended = async () => (await answerOf(await read())).body
    await vi.waitFor(async () => expect(await ended()).toMatchObject({ status: 'completed' }), WAIT)
  } finally {
    bed.server.thaw()
  }
}, 90_000)

test('a session of the dashboard is one on both nodes', async () => {
  const cookie = await signIn(bed.server.url, owner)
  const onAhead = clientOf(ahead.url, cookie)
  expect(await onAhead.projects.list.query()).not.toHaveLength(0)
  expect(await clientOf(bed.server.url, cookie).projects.list.query()).not.toHaveLength(0)
  expect(await clientOf(bed.server.url, await signIn(ahead.url, owner)).projects.list.query()).not.toHaveLength(0)
})

test('what is promised for later is not destroyed by a node that is ahead: a project, and a key that can be rolled back to', async () => {
  const { double } = bed.sides
  const { projectId, apiKey } = await bed.newProject(double.model)
  const kept = await bed.newProject(double.model)
  const asked = await client().projects.shred.mutate({ projectId: kept.projectId, confirm: 'Conformance' })
  expect(asked).toMatchObject({ state: 'requested' })
  const before = await client().llm.current.query({ projectId })
  const next = `sk-next-${randomUUID()}`
  bed.double.upstream.setKeys([double.model.key, next])
  await client().llm.rotate.mutate({ projectId, key: next, overlapMinutes: 30 })
  await looksTwice()
  expect(await client().projects.cancelShred.mutate({ projectId: kept.projectId })).toEqual({ state: 'none' })
  await client().llm.rollBack.mutate({ projectId })
  const { keyFingerprint } = await client().llm.current.query({ projectId })
  expect(keyFingerprint).toBe(before.keyFingerprint)
  expect((await ask(bed.server, { message: 'Hi' }, { authorization: `Bearer ${apiKey}` })).status).toBe(200)
}, 60_000)

test('the history of both nodes is verified', async () => {
  await vi.waitFor(async () => {
    const { log } = await client().system.health.query()
    expect(log.checkpoint?.size).toBe(log.size)
  }, WAIT)
  await vi.waitFor(async () => {
    const { code, lines, stderr } = await audit()
    expect([stderr, code, lines().at(-1)]).toMatchObject(['', 0, { ok: true, findings: [] }])
  }, WAIT)
}, 120_000)
