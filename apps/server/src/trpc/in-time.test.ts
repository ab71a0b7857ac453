import postgres from 'postgres'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { TestPlatform } from '../testing/platform.ts'
import { testPlatform } from '../testing/platform.ts'
import type { TestServer } from '../testing/server.ts'
import { listen } from '../testing/server.ts'

let tested: TestPlatform
let server: TestServer
beforeAll(async () => {
  tested = await testPlatform()
  server = await listen(tested.platform)
})
afterAll(async () => {
  await server?.close()
  await tested?.close()
})

test('a read that the database leaves without an answer is told as an outage, and answered again when it can be', async () => {
  const blocker = postgres(tested.database.url, { max: 1 })
  try {
    await blocker.begin(async (sql) => {
      await sql`lock table credit_entries in access exclusive mode`
      await expect(server.client.credits.entries.query({})).rejects.toMatchObject({
        data: { code: 'SERVICE_UNAVAILABLE' },
      })
    })
  } finally {
    await blocker.end()
  }
  expect(await server.client.credits.entries.query({})).toMatchObject({ entries: [] })
})
