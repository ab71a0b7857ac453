import fc from 'fast-check'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { by, createWorld } from '../testkit/world.ts'
import type { World } from '../testkit/world.ts'
import { projects } from '@stewrd/core/projects/projects.ts'
import { BinaryRows } from './binary-values.ts'
import { rowTypes } from './row-types.ts'

let world: World
beforeAll(async () => {
  world = await createWorld()
})
afterAll(() => world.close())

const row = fc.record({
  nth: fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }),
  id: fc.uuid(),
  stream: fc.string({ unit: 'grapheme', maxLength: 400 }).filter((text) => !text.includes('\0')),
  seq: fc.maxSafeInteger(),
  chain: fc.uint8Array({ maxLength: 600 }),
  guards: fc.array(fc.nat(1000), { maxLength: 5 }),
})

test('what is written as rows is what the database reads, whatever the size that was expected', async () => {
  const { unit } = await rowTypes(world.sql)
  await fc.assert(
    fc.asyncProperty(fc.array(row, { maxLength: 9 }), fc.nat(2000), async (given, size) => {
      const rows = new BinaryRows(unit, 12, given.length, size)
      for (const { nth, id, stream, seq, chain, guards } of given) {
        rows.row().int(nth).uuid(id).text(stream).uuid(id).bigint(seq).bytea(chain)
        rows.bigint(-seq).bytea(chain).int(-1).bytea(new Uint8Array(0)).uuid(id).ints(guards)
      }
      const read = await world.sql`
        select nth, account_id, stream, seq, chain, from_seq, snapshot, guards from unnest(${world.sql.typed(rows.bytes(), 0)}::append_unit[])`
      expect([...read]).toEqual(
        given.map(({ nth, id, stream, seq, chain, guards }) => ({
          nth,
          account_id: id,
          stream,
          seq,
          chain: Buffer.from(chain),
          from_seq: seq === 0 ? 0 : -seq,
          snapshot: Buffer.alloc(0),
          guards,
        })),
      )
    }),
    { numRuns: 60 },
  )
})

test('times are read to the millisecond, also those before the year 2000', async () => {
  const { record } = await rowTypes(world.sql)
  const times = [
    0,
    -1,
    Date.UTC(1999, 11, 31, 23, 59, 59, 999),
    Date.UTC(2000, 0, 1),
    Date.UTC(2026, 10, 25, 1, 2, 3, 4),
  ]
  const rows = new BinaryRows(record, 14, times.length, 0)
  const [id, none] = ['00000000-0000-0000-0000-000000000000', new Uint8Array(0)]
  for (const at of times) {
    rows.row().int(0).bigint(1).uuid(id).text('T').int(1).uuid(id).time(at).text('a').bytea(none)
    rows.text('c').int(0).bytea(none).bytea(none).bytea(none)
  }
  const read = await world.sql<{ at: Date }[]>`
    select at from unnest(${world.sql.typed(rows.bytes(), 0)}::append_record[])`
  expect(read.map(({ at }) => at.getTime())).toEqual(times)
})

test('types that were made anew behind the pool are asked for again: nothing is lost', async () => {
  const streams = Array.from({ length: 3 }, () => world.project())
  const all = (type: 'CreateProject' | 'RenameProject', name: string) =>
    Promise.all(streams.map((stream) => world.store.execute(projects, stream, { type, name }, by())))
  await all('CreateProject', 'before')
  await world.owner.begin(async (tx) => {
    for (const type of ['append_unit', 'append_record']) {
      await tx.unsafe(`alter type ${type} rename to former`)
      const columns = await tx<{ column: string }[]>`
        select attname || ' ' || format_type(atttypid, atttypmod) as column from pg_attribute
        where attrelid = 'former'::regclass and attnum > 0 order by attnum`
      await tx.unsafe(`create type ${type} as (${columns.map((c) => c.column).join(', ')})`)
      await tx.unsafe('drop type former')
    }
  })
  const done = await all('RenameProject', 'after')
  expect(done.map(({ revision, repeated }) => ({ revision, repeated }))).toEqual(
    streams.map(() => ({ revision: 2, repeated: false })),
  )
})
