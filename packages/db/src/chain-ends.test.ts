import { randomUUID } from 'node:crypto'
import { projects } from '@stewrd/core/projects/projects.ts'
import { GENESIS } from '@stewrd/crypto/chain.ts'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Sequencer } from './sequencer.ts'
import type { World } from './testkit/world.ts'
import { by, createWorld } from './testkit/world.ts'
import { ChainEnds } from './chain-ends.ts'
import type { Place } from './verify/place.ts'
import { loggedPlaces } from './verify/place.ts'

let world: World
beforeAll(async () => {
  world = await createWorld()
})
afterAll(() => world.close())

test('the chain before a place is known from what was seen, or looked up when that was forgotten', async () => {
  const { worker: sql, store } = world
  const streams = Array.from({ length: 4 }, () => world.project())
  for (const s of streams) await store.execute(projects, s, { type: 'CreateProject', name: 'x' }, by())
  for (const s of streams) await store.execute(projects, s, { type: 'RenameProject', name: randomUUID() }, by())
  const sequencer = new Sequencer({ sql, node: 'test' })
  await sequencer.drain()
  await sequencer.stop()
  const stored = await sql<{ stream: string; seq: number; chain: Buffer }[]>`select stream, seq, chain from events`
  const chainOf = (stream: string, seq: number) => {
    const row = stored.find((e) => e.stream === stream && e.seq === seq)
    return row?.chain.toString('latin1')
  }
  await sql.begin(async (tx) => {
    const places: Place[] = []
    for await (const some of loggedPlaces(tx)) places.push(...some)
    expect(places.map((p) => p.seq)).toEqual([1, 1, 1, 1, 2, 2, 2, 2])
    const [all, few] = [new ChainEnds(tx), new ChainEnds(tx, 1)]
    for (const [i, place] of places.entries()) {
      const { stream } = place.stream
      const before = place.seq === 1 ? GENESIS.toString('latin1') : chainOf(stream, place.seq - 1)
      expect(all.before(place.streamName, place)).toBe(before)
      expect(few.before(place.streamName, place) ?? (await few.find(places, i))).toBe(before)
      expect(few.before(place.streamName, place)).toBe(place.seq === 1 ? before : undefined)
      for (const ends of [all, few]) ends.set(place.streamName, place.seq, chainOf(stream, place.seq)!)
    }
  })
})
