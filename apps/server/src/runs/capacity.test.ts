import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import type { Bed } from './v1.testing.ts'
import { openBed } from './v1.testing.ts'

// A server of its own, that takes on very little.
let bed: Bed
beforeAll(async () => {
  bed = await openBed({ variables: { STEWRD_RUNS_AT_ONCE: '6', STEWRD_RUNS_WAITING: '4' } })
})
afterEach(() => bed.upstream.release())
afterAll(() => bed?.close())

const chat = (stream: boolean) =>
  fetch(`${bed.server.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${bed.project.apiKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ messages: [{ role: 'user', content: 'Hi' }], stream }),
  })

test.each([
  ['/v1/agent', () => bed.post({ message: 'Hi' })],
  ['/v1/chat/completions', () => chat(false)],
])('more runs than a server takes on are refused at once at %s, and told when to try again', async (_path, ask) => {
  bed.upstream.hold()
  const all = Array.from({ length: 30 }, ask)
  const refused = await first(24, all)
  expect(new Set(refused.map(({ status }) => status))).toEqual(new Set([503]))
  for (const response of refused) expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0)
  expect(await refused[0]!.json()).toMatchObject({ error: { code: 'service_unavailable' } })
  const { runs } = await bed.server.client.system.health.query()
  expect(runs).toMatchObject({ atOnce: 6, waiting: 4 })
  expect(runs.refused).toBeGreaterThanOrEqual(24)
  bed.upstream.release()
  const answers = await Promise.all(all)
  expect(answers.filter(({ status }) => status === 200).length).toBe(
    30 - answers.filter(({ status }) => status === 503).length,
  )
  expect((await ask()).status).toBe(200)
})

/** The responses that come first, whichever they are. */
async function first(count: number, all: readonly Promise<Response>[]): Promise<Response[]> {
  const come: Response[] = []
  const enough = Promise.withResolvers<void>()
  for (const one of all)
    void one.then((response) => {
      come.push(response)
      if (come.length >= count) enough.resolve()
    })
  await enough.promise
  return come.slice(0, count)
}
