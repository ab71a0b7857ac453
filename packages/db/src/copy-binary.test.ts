import { afterAll, beforeAll, expect, test } from 'vitest'
import { copyRows, int8 } from './copy-binary.ts'
import { createWorld } from './testkit/world.ts'
import type { World } from './testkit/world.ts'

let world: World
beforeAll(async () => {
  world = await createWorld()
})
afterAll(() => world.close())

test.each([1, 3, 200_000, 3_000_000])(
  'after rows of %i bytes the connection answers the next query, however full the reader was at their end',
  async (bytes) => {
    const next = await world.sql.begin(async (tx) => {
      let read = 0
      for await (const rows of copyRows(tx, `select repeat('x', ${bytes}) from generate_series(1, 2)`))
        read += rows.reduce((sum, [text]) => sum + text!.length, 0)
      expect(read).toBe(2 * bytes)
      return tx`select 1 as one`
    })
    expect(next).toMatchObject([{ one: 1 }])
  },
)

/** Rows of all lengths, so that chunks cut them everywhere. */
const many = `select n, repeat('x', (n % 700)::int) from generate_series(1::bigint, 20000) n`

test('each row comes whole, wherever the chunks that it came in ended', async () => {
  await world.sql.begin(async (tx) => {
    let seen = 0
    for await (const rows of copyRows(tx, many))
      for (const [n, text] of rows) {
        seen += 1
        expect([int8(n!), text!.length]).toEqual([seen, seen % 700])
      }
    expect(seen).toBe(20_000)
  })
})

test('whoever stops in the middle, or meets an error there, leaves a connection that can be used', async () => {
  const first = async (query: string) =>
    world.sql.begin(async (tx) => {
      for await (const rows of copyRows(tx, query)) return rows.length
      return 0
    })
  for (let i = 0; i < 20; i++) {
    expect(await first(many)).toBeGreaterThan(0)
    const failing = `select n, 1 / (15000 - n) from generate_series(1, 20000) n`
    const all = world.sql.begin(async (tx) => {
      let seen = 0
      for await (const rows of copyRows(tx, failing)) seen += rows.length
      return seen
    })
    await expect(all).rejects.toMatchObject({ code: '22012' })
    expect(await world.sql`select 1 as one`).toMatchObject([{ one: 1 }])
  }
})
