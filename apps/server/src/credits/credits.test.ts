import { randomUUID } from 'node:crypto'
import { creditBalance, creditEntries } from '@stewrd/db/credits/ledger.ts'
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import type { Answer, Bed } from '../runs/v1.testing.ts'
import { answered, frames, openBed } from '../runs/v1.testing.ts'
import { stewrd } from '../testing/server-process.ts'

let bed: Bed
beforeAll(async () => {
  bed = await openBed({ variables: { STEWRD_METERING: 'on', STEWRD_RATE_LIMIT_PER_MINUTE: '1000' } })
})
afterAll(() => bed?.close())
afterEach(() => {
  bed.upstream.fail(undefined)
  bed.upstream.release()
})

type Used = Answer & { usage: Record<'credits_this_request' | 'credits_remaining', number> }
const ask = (body: object = {}) => bed.post({ message: 'Hi', ...body })
const used = async (response: Promise<Response>) => ((await answered(response)) as Used).usage
const left = async () => (await creditBalance(bed.tested.platform.sql, bed.tested.platform.accountId)).total
const entries = () => creditEntries(bed.tested.platform.sql, bed.tested.platform.accountId, { limit: 1000 })

test('a run costs what its capabilities cost, and its answer tells what is left; a stream costs the same', async () => {
  const before = await left()
  const counters = await used(ask())
  expect(counters).toMatchObject({ credits_this_request: 1, credits_remaining: before - 1 })
  // The older generation of words for it.
  expect(counters).toMatchObject({ requests_used: 200 - counters.credits_remaining, requests_limit: 200 })
  const stream = frames(await (await ask({ stream: true })).text()).at(-1)!
  expect(stream).toMatchObject({ event: 'done', data: { credits_this_request: 1, credits_remaining: before - 2 } })
  const [settled, reserved] = await entries()
  expect([settled, reserved]).toMatchObject([
    { kind: 'settle', amount: 0 },
    { kind: 'reserve', amount: -1, projectId: bed.project.projectId, runId: (stream.data as { id: string }).id },
  ])
})

test.each(['server-error', 'unauthorized', 'not-found', 'payment'] as const)(
  'a run that fails for %s costs nothing',
  async (fault) => {
    const before = await left()
    bed.upstream.fail(fault)
    expect((await ask()).ok).toBe(false)
    expect(await left()).toBe(before)
    expect((await entries())[0]).toMatchObject({ kind: 'refund', amount: 1 })
  },
)

test('what is refused before it begins costs nothing', async () => {
  const before = (await entries()).length
  expect((await ask({ capabilities: ['code'] })).status).toBe(403)
  expect((await bed.post({})).status).toBe(400)
  expect(await entries()).toHaveLength(before)
})

test('the same idempotency key is charged once', async () => {
  const before = await left()
  const headers = { 'idempotency-key': randomUUID() }
  const all = await Promise.all(Array.from({ length: 5 }, () => answered(bed.post({ message: 'Once' }, { headers }))))
  expect(new Set(all.map(({ id }) => id)).size).toBe(1)
  expect(await left()).toBe(before - 1)
})

const post = (path: string, body: object) =>
  fetch(`${bed.server.url}/v1/${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${bed.project.apiKey}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })

test('a message of a session and a chat completion cost what a run costs, and nothing when they fail', async () => {
  const { id } = await answered(post('sessions', {}))
  const chat = { model: 'gpt-4o', messages: [{ role: 'user', content: 'Hi' }] }
  const calls = [
    () => post(`sessions/${id}/messages`, { message: 'Hi', stream: false }),
    () => post('chat/completions', chat),
  ]
  for (const call of calls) {
    const before = await left()
    const passed = await call()
    expect([passed.status, passed.headers.get('x-ratelimit-limit')]).toEqual([200, '1000'])
    await passed.text()
    await vi.waitFor(
      async () => expect((await entries())[0]).toMatchObject({ kind: 'settle', balance: before - 1 }),
      10_000,
    )
    bed.upstream.fail('server-error')
    expect((await call()).ok).toBe(false)
    bed.upstream.fail(undefined)
    await vi.waitFor(
      async () => expect((await entries())[0]).toMatchObject({ kind: 'refund', balance: before - 1 }),
      10_000,
    )
  }
})

test('a client that stops its run pays for it', async () => {
  const before = await left()
  bed.upstream.hold()
  const headers = { prefer: 'respond-async, wait=0' }
  const { id } = await answered(bed.post({ message: 'Stop' }, { headers }))
  const stopped = await fetch(`${bed.server.url}/v1/agent/${id}`, {
    method: 'DELETE',
    headers: { authorization: `Bearer ${bed.project.apiKey}` },
  })
  expect(stopped.status).toBe(200)
  expect(await left()).toBe(before - 1)
})

test('when the credits are spent runs are refused with 402, until the operator grants more; both are in the history', async () => {
  const spend = await left()
  const all = await Promise.all(Array.from({ length: spend + 20 }, () => ask().then(({ status }) => status)))
  expect(all.filter((status) => status === 200)).toHaveLength(spend)
  const refused = await ask()
  expect([refused.status, await refused.json()]).toMatchObject([
    402,
    { error: { code: 'insufficient_credits', message: 'No credits remaining.' } },
  ])
  const { env } = bed.tested
  const cli = (...args: string[]) =>
    stewrd(env.home, ['--json', ...args], { variables: { DATABASE_URL: env.databaseUrl!, STEWRD_METERING: 'on' } })
  const granted = await cli('credits', 'grant', '25', '--reason', 'A trial')
  expect(granted.json()).toMatchObject({ granted: 25, credits: 25, paid: 25, free: 0 })
  expect((await cli('credits', 'balance')).json()).toMatchObject({ credits: 25, free: 0, granted: 25, metering: true })
  expect((await cli('credits', 'grant', '0')).code).not.toBe(0)
  expect(await used(ask())).toMatchObject({ credits_remaining: 24 })
  await vi.waitFor(async () => {
    const { entries: said } = await bed.server.client.history.list.query({ nouns: ['credits'] })
    expect(said).toMatchObject([{ text: 'granted 25 credits', data: { amount: 25, reason: 'A trial' } }])
  }, 10_000)
})

test('what was paid for is booked once for each reference, and stands in ledger and history', async () => {
  const { env } = bed.tested
  const cli = (...args: string[]) =>
    stewrd(env.home, ['--json', ...args], { variables: { DATABASE_URL: env.databaseUrl!, STEWRD_METERING: 'on' } })
  const buy = (amount: string) => cli('credits', 'purchase', amount, '--reference', 'INV-7')
  const before = await left()
  expect((await buy('40')).json()).toMatchObject({ purchased: 40, repeated: false, credits: before + 40 })
  expect((await buy('40')).json()).toMatchObject({ purchased: 0, repeated: true, credits: before + 40 })
  expect((await buy('50')).code).not.toBe(0)
  expect((await cli('credits', 'purchase', '5')).code).not.toBe(0)
  expect((await entries()).filter(({ kind }) => kind === 'purchase')).toMatchObject([{ amount: 40 }])
  expect(await left()).toBe(before + 40)
  await vi.waitFor(async () => {
    const { entries: said } = await bed.server.client.history.list.query({ nouns: ['credits'] })
    expect(said[0]).toMatchObject({ text: 'booked 40 credits that were bought (INV-7)' })
  }, 10_000)
})

test('the usage of the month is told over the API, and on the page', async () => {
  const headers = { authorization: `Bearer ${bed.project.apiKey}` }
  await vi.waitFor(async () => {
    const body = (await (await fetch(`${bed.server.url}/v1/usage`, { headers })).json()) as Record<string, unknown>
    const { entries: all } = await bed.server.client.credits.entries.query({ limit: 200 })
    expect(body).toMatchObject({
      object: 'usage',
      project_id: bed.project.projectId,
      month: new Date().toISOString().slice(0, 7),
      failed: 6,
      account: { metering: true, credits_remaining: await left() },
    })
    expect(body.requests).toBe(await runsOf())
    expect(JSON.stringify(body)).not.toContain('null')
    expect(all[0]).toMatchObject({ balance: await left() })
  }, 10_000)
  const unknown = await fetch(`${bed.server.url}/v1/usage`)
  expect([unknown.status, await unknown.json()]).toMatchObject([401, { error: { code: 'invalid_api_key' } }])
})

async function runsOf() {
  const [row] = await bed.tested.platform.worker<{ n: number }[]>`
    select count(*)::int as n from events where project_id = ${bed.project.projectId} and type = 'RunStarted'`
  return row!.n
}
