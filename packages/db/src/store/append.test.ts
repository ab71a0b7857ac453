import { randomUUID } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { StreamId } from '@stewrd/core/kernel/execute.ts'
import { Refusal } from '@stewrd/core/kernel/errors.ts'
import { noLimits } from '@stewrd/core/projects/limits.ts'
import { projects } from '@stewrd/core/projects/projects.ts'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createEventStore } from '../event-store.ts'
import { Sequencer } from '../sequencer.ts'
import { by, createWorld } from '../testkit/world.ts'
import type { World } from '../testkit/world.ts'
import { brokenChainAt } from './verify.ts'

let world: World
beforeAll(async () => {
  world = await createWorld()
  // Transactions take their time, each another one, while they hold their locks.
  await world.owner.unsafe(`
    create function dawdle() returns trigger language plpgsql as $$ begin perform pg_sleep(random() * 0.004); return new; end $$;
    create trigger dawdle before insert on events for each row execute function dawdle();
    create trigger dawdle before insert on outbox for each row execute function dawdle()`)
})
afterAll(() => world.close())

const create = (name: string) => ({ type: 'CreateProject', name }) as const
const rename = (name: string) => ({ type: 'RenameProject', name }) as const

/** Anything but losing to another writer is a failure of the test. */
const lostTheRace = (error: unknown) => {
  if (error instanceof Refusal && error.code === 'REVISION_MOVED') return undefined
  throw error
}

describe('appending', () => {
  test('many writers on many streams: dense revisions, one winner for each expected revision, chains that verify', async () => {
    const nodes = [world, world.another(), world.another()]
    const streams = Array.from({ length: 6 }, () => world.project())
    for (const stream of streams) await world.store.execute(projects, stream, create('start'), by())
    const rounds = 12
    const results = await Promise.all(
      nodes.flatMap(({ store }, n) =>
        streams.map(async (stream) => {
          const won: number[] = []
          for (let revision = 1; revision <= rounds; revision++) {
            const meta = { ...by(), expectedRevision: revision }
            const outcome = await store.execute(projects, stream, rename(`n${n} r${revision}`), meta).catch(lostTheRace)
            if (outcome) won.push(outcome.revision)
            // The next revision starts only when everybody could have seen this one.
            while ((await store.head(projects, stream)).revision <= revision) await delay(1)
          }
          return won
        }),
      ),
    )
    for (const [i, stream] of streams.entries()) {
      const winners = results.filter((_, at) => at % streams.length === i).flat()
      expect(winners.sort((a, b) => a - b)).toEqual(Array.from({ length: rounds }, (_, r) => r + 2))
      const events = await world.store.read(stream)
      expect(events.map((e) => e.seq)).toEqual(Array.from({ length: rounds + 1 }, (_, r) => r + 1))
      expect(await brokenChainAt(world.sql, stream.accountId, stream.stream)).toBeUndefined()
    }
  })

  test('a hot stream takes every command of many contenders on two nodes, once each', async () => {
    const stream = world.project()
    await world.store.execute(projects, stream, create('hot'), by())
    const nodes = [world, world.another()]
    const names = Array.from({ length: 100 }, (_, i) => `name ${i}`)
    const outcomes = await Promise.all(
      names.map((name, i) => nodes[i % 2]!.store.execute(projects, stream, rename(name), by())),
    )
    expect(new Set(outcomes.map((o) => o.revision)).size).toBe(100)
    const events = await world.store.read(stream)
    expect(events).toHaveLength(101)
    expect(new Set(events.slice(1).map((e) => (e.event.data as { to: string }).to))).toEqual(new Set(names))
    expect(await brokenChainAt(world.sql, stream.accountId, stream.stream)).toBeUndefined()
  })

  test('two nodes that write the same streams in opposite orders never wait for each other in a circle', async () => {
    const streams = Array.from({ length: 24 }, () => world.project())
    await Promise.all(streams.map((stream) => world.store.execute(projects, stream, create('x'), by())))
    const nodes = [world, world.another()] as const
    const deadlocks = async () => {
      const [row] = await world.sql<{ deadlocks: number }[]>`
        select deadlocks::int from pg_stat_database where datname = current_database()`
      return row!.deadlocks
    }
    const before = await deadlocks()
    await world.owner`create trigger dawdle before update on heads for each row execute function dawdle()`
    const write = async ({ store }: (typeof nodes)[number], order: typeof streams, round: number) => {
      const named = order.map((stream) => store.execute(projects, stream, rename(`${randomUUID()} ${round}`), by()))
      // Whoever loses to the other node again and again is refused as busy.
      await Promise.allSettled(named)
    }
    for (let round = 0; round < 6; round++)
      await Promise.all([write(nodes[0], streams, round), write(nodes[1], streams.toReversed(), round)])
    await world.owner`drop trigger dawdle on heads`
    // Each connection tells what it met, which it would do some seconds later by itself.
    const told = nodes.flatMap(({ sql }) =>
      Array.from({ length: 20 }, () => sql`select pg_stat_force_next_flush(), pg_sleep(0.1)`),
    )
    await Promise.all(told)
    expect(await deadlocks()).toBe(before)
    for (const { accountId, stream } of streams)
      expect(await brokenChainAt(world.sql, accountId, stream)).toBeUndefined()
  })

  test('a command is refused only for events after its revision that changed what it replaces', async () => {
    const stream = world.project()
    await world.store.execute(projects, stream, create('one'), by())
    const change = (limit: number, expectedRevision: number) =>
      world.store.execute(
        projects,
        stream,
        { type: 'ChangeLimits', limits: { ...noLimits, runsPerMinute: limit } },
        { ...by(), expectedRevision },
      )
    // Names change all the while, on another node too.
    const other = world.another().store
    const renames = Promise.all(
      Array.from({ length: 40 }, (_, i) =>
        (i % 2 ? other : world.store).execute(projects, stream, rename(`n${i}`), by()),
      ),
    )
    const settled = await Promise.allSettled(Array.from({ length: 10 }, (_, i) => change(i + 1, 1)))
    await renames
    // Of those that replace the same, one is first.
    expect(settled.filter((s) => s.status === 'fulfilled')).toHaveLength(1)
    const moved = { status: 'rejected', reason: { code: 'REVISION_MOVED', details: { expected: 1 } } }
    expect(settled.filter((s) => s.status === 'rejected')).toMatchObject(Array.from({ length: 9 }, () => moved))
    const { revision, state } = await world.store.head(projects, stream)
    expect(revision).toBe(42)
    expect(state).toMatchObject({ limits: { runsPerMinute: expect.any(Number) } })
    await expect(change(99, revision + 1)).rejects.toMatchObject({ code: 'REVISION_MOVED' })
  })

  test('a command that is refused does not stop those that share its statement', async () => {
    const stream = world.project()
    await world.store.execute(projects, stream, create('one'), by())
    const settled = await Promise.allSettled([
      world.store.execute(projects, stream, rename('two'), { ...by(), expectedRevision: 1 }),
      world.store.execute(projects, stream, rename('three'), { ...by(), expectedRevision: 1 }),
      world.store.execute(projects, stream, rename('four'), by()),
      world.store.execute(projects, world.project(), rename('nobody'), by()),
      world.store.execute(projects, world.project(), create('other'), by()),
    ])
    expect(settled.map((s) => s.status)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'rejected', 'fulfilled'])
    expect(settled[1]).toMatchObject({ reason: { code: 'REVISION_MOVED', details: { expected: 1, actual: 3 } } })
    expect((await world.store.head(projects, stream)).state).toMatchObject({ name: 'four' })
  })

  test('an answer never comes from memory that another node has made old', async () => {
    const stream = world.project()
    const other = world.another()
    await world.store.execute(projects, stream, create('a'), by())
    await other.store.execute(projects, stream, rename('b'), by())
    // In this process' memory the name is still a, and the revision 1.
    const same = await world.store.execute(projects, stream, rename('a'), by())
    expect(same).toMatchObject({ revision: 3, events: [{ event: { data: { from: 'b', to: 'a' } } }] })
    await other.store.execute(projects, stream, rename('c'), by())
    const renamed = await world.store.execute(projects, stream, rename('d'), { ...by(), expectedRevision: 4 })
    expect(renamed.revision).toBe(5)
  })

  test('time never runs backwards inside a stream', async () => {
    const { sql, dataKeys } = world
    const stream = world.project()
    let now = 2_000_000_000_000
    const store = createEventStore({ sql, dataKeys, now: () => now })
    await store.execute(projects, stream, create('late'), by())
    now = 1_000_000_000_000
    await store.execute(projects, stream, rename('early'), by())
    expect((await store.read(stream)).map((e) => e.at)).toEqual([2_000_000_000_000, 2_000_000_000_000])
  })

  test('a new stream takes one round trip when its caller says that it is new', async () => {
    const sent: string[] = []
    const apply = (sql: World['sql'], _: unknown, [strings, ...values]: [TemplateStringsArray, ...never[]]) => {
      // Fragments are no statements: each of these begins one.
      if (/^\s*(select r\.nth|with |insert into heads)/.test(strings[0]!)) sent.push(strings[0]!.trim().slice(0, 9))
      return sql(strings, ...values)
    }
    const unsafe: World['sql']['unsafe'] = (text, ...rest) => {
      sent.push(text.trim().slice(0, 4))
      return world.sql.unsafe(text, ...rest)
    }
    const get = (sql: World['sql'], name: keyof World['sql']) => (name === 'unsafe' ? unsafe : sql[name])
    const store = createEventStore({ sql: new Proxy(world.sql, { apply, get }), dataKeys: world.dataKeys })
    const stream = world.project()
    await store.execute(projects, stream, create('x'), { ...by(), expectedRevision: 0 })
    expect(sent).toEqual(['with'])
    const again = world.another().store.execute(projects, stream, create('x'), { ...by(), expectedRevision: 0 })
    await expect(again).rejects.toMatchObject({ code: 'REVISION_MOVED' })
  })

  test('a head that is remembered and gone is not begun anew in the middle, alone or among others', async () => {
    const { sql, dataKeys } = world
    const store = createEventStore({ sql, dataKeys })
    const lose = async ({ stream }: StreamId) => {
      for (const table of ['heads', 'events', 'outbox'])
        await world.owner`delete from ${world.owner(table)} where stream = ${stream}`
    }
    const [gone, ...others] = [world.project(), world.project(), world.project()]
    for (const stream of [gone, ...others]) await store.execute(projects, stream, create('x'), by())
    await lose(gone)
    await expect(store.execute(projects, gone, rename('y'), by())).rejects.toMatchObject({ code: 'NOT_FOUND' })
    await Promise.all(others.map((stream) => store.execute(projects, stream, rename('y'), by())))
    const heads = await world.owner`select from heads where stream = ${gone.stream}`
    expect(heads).toHaveLength(0)

    const again = world.project()
    await store.execute(projects, again, create('x'), by())
    await lose(again)
    const all = await Promise.allSettled([again, ...others].map((s) => store.execute(projects, s, rename('z'), by())))
    expect(all.map((r) => r.status)).toEqual(['rejected', 'fulfilled', 'fulfilled'])
    expect(await world.owner`select from heads where stream = ${again.stream}`).toHaveLength(0)
  })

  test('text that the database cannot hold hurts nobody else', async () => {
    const bad = { accountId: world.accountId, projectId: randomUUID(), stream: 'project:\0' }
    const good = world.project()
    const settled = await Promise.allSettled([
      world.store.execute(projects, bad, create('bad'), by()),
      world.store.execute(projects, good, create('good'), by()),
    ])
    expect(settled.map((s) => s.status)).toEqual(['rejected', 'fulfilled'])
  })

  test('a snapshot of another state version, or one that does not open, is refolded from the events', async () => {
    const stream = world.project()
    await world.store.execute(projects, stream, create('kept'), by())
    await world.store.execute(projects, stream, rename('renamed'), by())
    await world.owner`update heads set state_version = 99 where stream = ${stream.stream}`
    expect(await world.another().store.head(projects, stream)).toMatchObject({
      revision: 2,
      state: { name: 'renamed' },
    })
    await world.owner`update heads set state_version = 1, snapshot = set_byte(snapshot, 40, 255 - get_byte(snapshot, 40)) where stream = ${stream.stream}`
    expect(await world.another().store.head(projects, stream)).toMatchObject({
      revision: 2,
      state: { name: 'renamed' },
    })
  })

  test('a hash leads to its project until it is taken away', async () => {
    const stream = world.project()
    const hash = randomUUID()
    await world.store.execute(projects, stream, create('x'), { ...by(), lookups: [{ op: 'put', hash }] })
    expect(await world.store.lookup(hash)).toEqual({ accountId: world.accountId, projectId: stream.projectId })
    await expect(
      world.store.execute(projects, stream, create('y'), { ...by(), lookups: [{ op: 'delete', hash }] }),
    ).rejects.toThrow(Refusal)
    expect(await world.store.lookup(hash)).toBeDefined()
    await world.store.execute(projects, stream, rename('z'), { ...by(), lookups: [{ op: 'delete', hash }] })
    expect(await world.store.lookup(hash)).toBeUndefined()
  })
})

test('what is delivered is what was committed, in order, while another transaction stays open', async () => {
  const sequencer = new Sequencer({ sql: world.worker, node: 'test' })
  const open = await world.owner.reserve()
  await open`begin isolation level repeatable read`
  await open`insert into accounts (id, one) values (${randomUUID()}, true) on conflict do nothing`
  await open`select count(*) from outbox`
  const streams = Array.from({ length: 5 }, () => world.project())
  const nodes = [world, world.another()]
  const writing = Promise.all(
    streams.map(async (stream, i) => {
      await world.store.execute(projects, stream, create('s'), by())
      for (let r = 0; r < 10; r++) await nodes[(i + r) % 2]!.store.execute(projects, stream, rename(`r${r}`), by())
    }),
  )
  sequencer.start()
  await writing
  await sequencer.drain()
  await sequencer.stop()
  await open`rollback`
  open.release()
  const log = await world.sql<
    { idx: number; stream: string; seq: number }[]
  >`select idx, stream, seq from log order by idx`
  expect(log.map((l) => l.idx)).toEqual(log.map((_, i) => i))
  const events = await world.worker<{ stream: string; seq: number }[]>`select stream, seq from events`
  expect(log).toHaveLength(events.length)
  for (const rows of Map.groupBy(log, (l) => l.stream).values())
    expect(rows.map((l) => l.seq)).toEqual(rows.map((_, i) => i + 1))
})
