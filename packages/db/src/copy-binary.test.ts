import { afterAll, beforeAll, expect, test } from 'vitest'
import { copyRows } from './copy-binary.ts'
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
