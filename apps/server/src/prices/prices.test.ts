import { Secret } from '@stewrd/crypto/secret.ts'
import { prices, pricesStream } from '@stewrd/core/prices/prices.ts'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import type { RunTarget } from '../runs/credentials.ts'
import type { Bed } from '../runs/v1.testing.ts'
import { answered, openBed } from '../runs/v1.testing.ts'
import { PriceBook } from './price-book.ts'

let bed: Bed
beforeAll(async () => {
  bed = await openBed()
})
afterAll(() => bed?.close())

const at = (provider: 'openrouter' | 'custom', model = 'a/b'): RunTarget => ({
  source: 'project',
  provider: { provider, baseUrl: `http://127.0.0.1/${Math.random()}` },
  model,
  key: new Secret('sk-SENTINEL-prices'),
  fingerprint: null,
})
const tokens = { input: 1000, output: 100 }

let asked = 0
let list: unknown = {}
const fetch = (async () => {
  asked++
  if (list === 'hangs') return new Promise<Response>(() => {})
  return Response.json(list)
}) as typeof globalThis.fetch
beforeEach(() => {
  asked = 0
  list = { data: [{ id: 'a/b', pricing: { prompt: '0.000002', completion: '0.00001' } }, { id: 'free' }] }
})
const book = () => new PriceBook({ ...bed.tested.platform, egress: { fetch } })

test('the price of the provider’s list counts, and is asked for once', async () => {
  const one = book()
  const target = at('openrouter')
  one.warm(target)
  expect(await Promise.all([one.cost(target, tokens), one.cost(target, tokens)])).toEqual([3_000_000, 3_000_000])
  expect(asked).toBe(1)
})

test('where the list has none, or does not come, the table of the operator counts; without one the cost is unknown', async () => {
  const { store, accountId } = bed.tested.platform
  const set = { type: 'SetPrice', model: 'own', input: 150, output: 600 } as const
  await store.execute(prices, pricesStream(accountId), set, { commandId: 'own', actor: 'operator:test' })
  expect(await book().cost(at('openrouter', 'own'), tokens)).toBe(210_000)
  expect(await book().cost(at('custom', 'own'), tokens)).toBe(210_000)
  expect(await book().cost(at('custom'), tokens)).toBeNull()
  list = 'hangs'
  expect(await book().cost(at('openrouter', 'own'), tokens)).toBe(210_000)
  list = { error: 'no' }
  expect(await book().cost(at('openrouter'), tokens)).toBeNull()
  expect(await book().cost(at('custom', 'own'), { input: 0, output: 0 })).toBeNull()
})

test('a provider that lists no prices is not asked', async () => {
  await book().cost(at('custom'), tokens)
  expect(asked).toBe(0)
})

test('a price that is set counts for the next run, also through the OpenAI-compatible door, and not for those before', async () => {
  const { client } = bed.server
  const run = async () =>
    (
      await client.runs.get.query({
        projectId: bed.project.projectId,
        runId: (await answered(bed.post({ message: 'Hi' }))).id,
      })
    ).costNanoUsd
  expect(await run()).toBeNull()
  await client.prices.set.mutate({ model: 'gpt-4o', input: 2500, output: 10_000 })
  expect(await run()).toBe(12 * 2500 + 5 * 10_000)
  const completion = await globalThis.fetch(`${bed.server.url}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${bed.project.apiKey}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'default', messages: [{ role: 'user', content: 'Hi' }] }),
  })
  await completion.json()
  const report = () => client.usage.report.query({ from: Date.now() - 3_600_000, to: Date.now() + 60_000, by: 'model' })
  await expect
    .poll(async () => (await report()).totals, { timeout: 10_000 })
    .toMatchObject({
      runs: 3,
      tokens: 51,
      costNanoUsd: 160_000,
      unpriced: 1,
    })
  expect((await client.prices.remove.mutate({ model: 'gpt-4o' })).prices.map(({ model }) => model)).toEqual(['own'])
  expect(await run()).toBeNull()
})
