import { randomUUID } from 'node:crypto'
import fc from 'fast-check'
import { openKeyringFile } from '@stewrd/crypto/keyring-file.ts'
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest'
import { connect, disconnect } from '../connect.ts'
import { DataKeys } from '../data-keys.ts'
import { createEventStore } from '../event-store.ts'
import { payers } from '../testkit/ledger.ts'
import { startProxy } from '../testkit/proxy.ts'
import { createWorld } from '../testkit/world.ts'
import type { World } from '../testkit/world.ts'
import { creditBalance, creditEntries } from './ledger.ts'

let world: World
beforeAll(async () => {
  world = await createWorld()
})
afterAll(() => world.close())
beforeEach(async () => {
  await world.owner`delete from credit_balances`
  await world.owner`delete from credit_entries`
})

const runId = () => randomUUID()
const balance = () => creditBalance(world.sql, world.accountId)
const entries = async () => (await creditEntries(world.sql, world.accountId, { limit: 5000 })).toReversed()
const refused = { code: 'INSUFFICIENT_CREDITS' }

/** Everything that the ledger promises, of what is stored. */
async function expectExact() {
  const [row] = await world.sql<{ free: number; paid: number; last: number }[]>`select * from credit_balances`
  const all = await entries()
  expect(row).toBeDefined()
  expect(all.reduce((sum, e) => sum + e.amount, 0)).toBe(row!.free + row!.paid)
  expect(all.map((e) => e.nth)).toEqual(all.map((_, i) => i + 1))
  expect(row!.last).toBe(all.length)
  expect(all.every((e) => e.balance >= 0)).toBe(true)
}
/** As if the last entries were of a month that is over. */
const turnMonth = () => world.owner`update credit_balances set month = month - interval '1 month'`
const grant = (amount: number) => {
  const paid = payers(world)
  const id = runId()
  return paid.start(world.store, id, 0, { commandId: runId(), credits: { kind: 'grant', amount } })
}

test('an account has 200 free credits from the start, and a run takes its price with its first event', async () => {
  expect(await balance()).toMatchObject({ free: 200, paid: 0, total: 200 })
  const paid = payers(world)
  const id = runId()
  const started = await paid.start(world.store, id, 5)
  expect(started).toMatchObject({ revision: 1, meters: { creditsLeft: 195 } })
  expect(await entries()).toMatchObject([
    { kind: 'free_month', amount: 200, balance: 200, runId: null },
    { kind: 'reserve', amount: -5, balance: 195, runId: id, projectId: paid.projectId },
  ])
  expect((await paid.end(world.store, id, 'settle')).meters).toEqual({ creditsLeft: 195 })
  expect((await entries()).at(-1)).toMatchObject({ kind: 'settle', amount: 0, balance: 195 })
  await expectExact()
})

test('who cannot pay appends nothing, and smaller runs still start', async () => {
  const paid = payers(world)
  await paid.start(world.store, runId(), 198)
  const id = runId()
  await expect(paid.start(world.store, id, 3)).rejects.toMatchObject({ ...refused, details: { needed: 3, left: 2 } })
  expect(await world.store.read(paid.id(id))).toEqual([])
  const both = await Promise.allSettled([paid.start(world.store, runId(), 3), paid.start(world.store, runId(), 2)])
  expect(both.map((b) => b.status)).toEqual(['rejected', 'fulfilled'])
  expect((await balance()).total).toBe(0)
  await expectExact()
})

test('of those that ask in one statement the first that can be paid for begin', async () => {
  const paid = payers(world)
  await paid.start(world.store, runId(), 80)
  const all = await Promise.allSettled([50, 150, 50, 50, 20].map((n) => paid.start(world.store, runId(), n)))
  expect(all.map((b) => b.status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'rejected', 'fulfilled'])
  await expectExact()
})

test('free credits are spent first and go with their month; granted ones stay', async () => {
  const paid = payers(world)
  await grant(50)
  await paid.start(world.store, runId(), 120)
  expect(await balance()).toMatchObject({ free: 80, paid: 50 })
  await turnMonth()
  expect(await balance()).toMatchObject({ free: 200, paid: 50 })
  await paid.start(world.store, runId(), 230)
  expect((await entries()).slice(-3)).toMatchObject([
    { kind: 'free_expired', amount: -80, balance: 50 },
    { kind: 'free_month', amount: 200, balance: 250 },
    { kind: 'reserve', amount: -230, balance: 20 },
  ])
  expect(await balance()).toMatchObject({ free: 0, paid: 20 })
  await expectExact()
})

test('a run that fails gets back what it took, once; one that completed keeps it', async () => {
  const paid = payers(world)
  const id = runId()
  await grant(50)
  await paid.start(world.store, id, 220)
  expect((await paid.end(world.store, id, 'refund')).meters).toEqual({ creditsLeft: 250 })
  await expect(paid.end(world.store, id, 'refund')).rejects.toMatchObject({ code: 'RUN_ENDED' })
  expect(await balance()).toMatchObject({ free: 200, paid: 50 })
  const done = runId()
  await paid.start(world.store, done, 1)
  await paid.end(world.store, done, 'settle')
  await expect(paid.end(world.store, done, 'refund')).rejects.toMatchObject({ code: 'RUN_ENDED' })
  expect((await balance()).total).toBe(249)
  await expectExact()
})

test('free credits of a month that is over do not come back with a refund', async () => {
  const paid = payers(world)
  const id = runId()
  await grant(50)
  await paid.start(world.store, id, 220)
  await world.owner`update credit_entries set month = month - interval '1 month'`
  await turnMonth()
  await paid.end(world.store, id, 'refund')
  expect(await balance()).toMatchObject({ free: 200, paid: 50 })
  await expectExact()
})

test('the same start twice, and on two nodes at once, is charged once', async () => {
  const paid = payers(world)
  const id = runId()
  const nodes = [world, world.another(), world.another()]
  const outcomes = await Promise.all(nodes.flatMap(({ store }) => [paid.start(store, id, 7), paid.start(store, id, 7)]))
  expect(outcomes.every((o) => o.revision === 1)).toBe(true)
  expect((await balance()).total).toBe(193)
  await expectExact()
})

test('a start and an end whose answers are lost are charged and given back once, even with the last credits', async () => {
  const proxy = await startProxy(world.url)
  const sql = connect(proxy.url, { max: 2 })
  const store = createEventStore({ sql, dataKeys: new DataKeys(sql, await openKeyringFile(world.keyring)) })
  const paid = payers(world)
  const lost = async (call: () => Promise<unknown>, commandId: string) => {
    proxy.swallowAnswers()
    const pending = call()
    const written = async () => expect(await world.store.findCommand(world.accountId, commandId)).toBeDefined()
    await vi.waitFor(written, { timeout: 20_000 })
    proxy.cut()
    return pending
  }
  const [id, next] = [runId(), runId()]
  // Statements that are prepared are one message and its answer.
  const warm = async () => {
    for (let i = 0; i < 6; i++) {
      const first = runId()
      await paid.start(store, first, 1)
      await paid.end(store, first, 'refund')
    }
  }
  await warm()
  expect(await lost(() => paid.start(store, id, 200), `start:${id}`)).toMatchObject({ repeated: false, revision: 1 })
  expect((await balance()).total).toBe(0)
  await paid.end(store, id, 'refund')
  await warm()
  await paid.start(store, next, 200)
  await lost(() => paid.end(store, next, 'refund', { commandId: `end:${next}` }), `end:${next}`)
  expect((await balance()).total).toBe(200)
  for (const one of [id, next])
    expect((await entries()).filter((e) => e.runId === one).map((e) => e.amount)).toEqual([-200, 200])
  await expectExact()
  await disconnect(sql, 1)
  await proxy.close()
})

test('a run that reserved nothing ends without the ledger', async () => {
  const paid = payers(world)
  const id = runId()
  const { id: stream } = paid
  await paid.start(world.store, runId(), 1)
  await paid.start(world.store, id, 0)
  const before = (await entries()).length
  await paid.end(world.store, id, 'refund')
  expect((await world.store.read(stream(id))).at(-1)?.event.type).toBe('RunFailed')
  expect(await entries()).toHaveLength(before)
})

test('many nodes at once: exactly as many run as the credits pay for', async () => {
  const paid = payers(world)
  const nodes = [world, world.another(), world.another()]
  const all = await Promise.allSettled(
    Array.from({ length: 400 }, (_, i) => paid.start(nodes[i % 3]!.store, runId(), 1 + (i % 2))),
  )
  const lost = all.filter((r) => r.status === 'rejected')
  for (const { reason } of lost) expect(reason).toMatchObject(refused)
  const spent = all.flatMap((r, i) => (r.status === 'fulfilled' ? [1 + (i % 2)] : [])).reduce((a, b) => a + b, 0)
  expect(spent).toBe(200)
  expect((await balance()).total).toBe(0)
  await expectExact()
})

test('the database refuses an entry that does not begin where the last one ended, a balance that no entry left, and any change', async () => {
  await payers(world).start(world.store, runId(), 1)
  const { sql, owner, accountId } = world
  const forged = (follows: number, before: number, after: number) => sql`
    insert into credit_entries (account_id, nth, follows, kind, month, free_before, paid_before, free_after, paid_after)
    values (${accountId}, ${follows + 1}, ${follows}, 'grant', '2026-01-01', ${before}, 0, ${after}, 0)`
  await expect(forged(2, 300, 400)).rejects.toMatchObject({ code: '23503' })
  await expect(forged(2, 199, -1)).rejects.toMatchObject({ code: '23514' })
  await expect(owner`update credit_balances set free = 1000`).rejects.toMatchObject({ code: '23503' })
  await expect(owner`update credit_balances set free = -1`).rejects.toMatchObject({ code: '23514' })
  await expect(sql`update credit_entries set free_after = 1`).rejects.toMatchObject({ code: '42501' })
  await expect(sql`delete from credit_entries`).rejects.toMatchObject({ code: '42501' })
})

type Step =
  | { kind: 'start' | 'settle' | 'refund'; run: number; amount: number }
  | { kind: 'grant'; amount: number }
  | { kind: 'month' }
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constantFrom('start', 'settle', 'refund'),
      run: fc.nat(9),
      amount: fc.integer({ min: 1, max: 90 }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('grant'), amount: fc.integer({ min: 1, max: 90 }) }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'month' }) },
) as fc.Arbitrary<Step>

test('whatever happens, in any order and at once, the entries add up to the balance and no run is charged or refunded twice', async () => {
  const nodes = [world, world.another()]
  await fc.assert(
    fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 25 }), async (steps) => {
      const paid = payers(world)
      const ids = Array.from({ length: 10 }, runId)
      await Promise.allSettled(
        steps.map((s, i) => {
          const { store } = nodes[i % 2]!
          if (s.kind === 'month') return turnMonth().then(() => {})
          if (s.kind === 'grant') return grant(s.amount)
          const id = ids[s.run]!
          return s.kind === 'start' ? paid.start(store, id, s.amount) : paid.end(store, id, s.kind)
        }),
      )
      await grant(1)
      await expectExact()
      const all = await entries()
      for (const id of ids) {
        const kinds = all.filter((e) => e.runId === id).map((e) => e.kind)
        expect([[], ['reserve'], ['reserve', 'settle'], ['reserve', 'refund']]).toContainEqual(kinds)
      }
    }),
    { numRuns: 15 },
  )
})
