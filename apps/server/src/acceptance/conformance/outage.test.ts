import { afterAll, beforeAll, expect, vi } from 'vitest'
import type { Relay } from '../../testing/relay.ts'
import { startRelay } from '../../testing/relay.ts'
import type { Bed } from './testing/bed.ts'
import { openBed } from './testing/bed.ts'
import { eventsOf } from './testing/clients.ts'
import { conforms } from './testing/conform.ts'

let bed: Bed
let relay: Relay
beforeAll(async () => {
  bed = await openBed({
    through: async (url) => {
      relay = await startRelay(url)
      return relay.url
    },
  })
}, 60_000)
afterAll(async () => {
  await bed?.close()
  await relay?.stop()
})

type Body = { error?: { code: string; docs: string }; id?: string; status?: string; message?: string }
const statusAndCode = async (asked: Promise<Response>) => {
  const response = await asked
  return [response.status, ((await response.json()) as Body).error?.code]
}
const hi = { message: 'Hi', stream: false }

conforms(
  'basics: a stream is never silent for longer than 15 s',
  async () => {
    bed.double.upstream.hold()
    const began = performance.now()
    const response = await bed.call('POST', '/v1/agent', { ...hi, stream: true })
    // Its headers came with the first ping: the model has said nothing yet.
    expect(performance.now() - began).toBeLessThan(16_000)
    bed.double.upstream.release()
    const text = await response.text()
    expect(text.startsWith(': ping\n\n')).toBe(true)
    expect(eventsOf(text).at(-1)).toMatchObject({ event: 'done', data: { status: 'completed' } })
  },
  30_000,
)

conforms(
  'error: service_unavailable: the database is down, and never a 401',
  async () => {
    bed.calm()
    expect(await statusAndCode(bed.call('POST', '/v1/agent', hi))).toEqual([200, undefined])
    await relay.stop()
    // A key that this node knows, and one that it has never seen.
    const other = 'sk-stw_00000000000000000000000000000048ol2A'
    const asked = [
      () => bed.call('POST', '/v1/agent', hi),
      () => bed.call('POST', '/v1/agent', { ...hi, stream: true }),
      () => bed.call('POST', '/v1/sessions'),
      () => bed.call('GET', '/v1/usage'),
      () => bed.call('GET', '/v1/models'),
      () => bed.call('POST', '/v1/chat/completions', { messages: [{ role: 'user', content: 'Hi' }] }),
    ]
    for (const one of await Promise.all(asked.map((ask) => statusAndCode(ask()))))
      expect(one).toEqual([503, 'service_unavailable'])
    expect((await bed.call('POST', '/v1/agent', hi, { apiKey: other })).status).not.toBe(200)
    expect([
      (await fetch(`${bed.server.url}/healthz`)).status,
      (await fetch(`${bed.server.url}/readyz`)).status,
    ]).toEqual([200, 503])
    await relay.start()
    await vi.waitFor(
      async () => expect(await statusAndCode(bed.call('POST', '/v1/agent', hi))).toEqual([200, undefined]),
      { timeout: 20_000 },
    )
  },
  60_000,
)

conforms('error: service_unavailable: draining', async () => {
  bed.calm()
  bed.double.upstream.hold()
  const before = bed.double.upstream.seen.length
  const under = bed.call('POST', '/v1/agent', hi)
  await vi.waitFor(() => expect(bed.double.upstream.seen).toHaveLength(before + 1), 10_000)
  const stopped = bed.server.stop()
  await vi.waitFor(async () => expect((await fetch(`${bed.server.url}/readyz`)).status).toBe(503), 10_000)
  const refused = await bed.call('POST', '/v1/agent', hi)
  expect(refused.headers.get('retry-after')).toBe('2')
  expect(await statusAndCode(Promise.resolve(refused))).toEqual([503, 'service_unavailable'])
  bed.double.upstream.release()
  expect(await (await under).json()).toMatchObject({ status: 'completed' })
  await stopped
  expect(bed.double.upstream.seen).toHaveLength(before + 1)
})
