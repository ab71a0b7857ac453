import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { openCheckpoint } from '@stewrd/crypto/checkpoint.ts'
import { createEgress } from '@stewrd/runtime/egress/egress.ts'
import { expect, onTestFinished, test, vi } from 'vitest'
import { createLogger } from '../kernel/log.ts'
import { createProject } from '../projects/service.ts'
import { testPlatform } from '../testing/platform.ts'
import { anchorWebhook } from './webhook.ts'

const log = createLogger({ production: true, logLevel: 'silent' })

/** Takes what is posted; answers with `status` until told otherwise. */
async function receiver() {
  const state = { status: 200, bodies: [] as string[], types: [] as (string | undefined)[] }
  const server = createServer((request, answer) => {
    void text(request).then((body) => {
      state.bodies.push(body)
      state.types.push(request.headers['content-type'])
      answer.writeHead(state.status).end()
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => {
    server.closeAllConnections()
    server.close()
  })
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`
  return { state, host, url: `http://${host}/anchor` }
}

test('every checkpoint is posted to the webhook', async () => {
  const { state, host, url } = await receiver()
  const tested = await testPlatform({ STEWRD_EGRESS_ALLOW: host, STEWRD_ANCHOR_WEBHOOK: url })
  onTestFinished(() => tested.close())
  await createProject(tested.platform, { name: 'x' }, 'operator:test')
  const { verifierKey } = tested.platform.publicLog
  await vi.waitFor(
    async () => {
      const { size } = openCheckpoint(state.bodies.at(-1)!, verifierKey)
      expect(size).toBe(await tested.platform.history.size())
    },
    { timeout: 10_000 },
  )
  expect(new Set(state.types)).toEqual(new Set(['text/plain; charset=utf-8']))
})

test('a receiver that fails gets the newest as soon as it answers again', async () => {
  const { state, host, url } = await receiver()
  const egress = createEgress({ allow: [host] })
  const webhook = anchorWebhook({ url, egress, log })
  onTestFinished(async () => {
    webhook.stop()
    await egress.close()
  })
  state.status = 500
  webhook.post(1, 'one')
  await vi.waitFor(() => expect(state.bodies).toEqual(['one']), 10_000)
  state.status = 200
  await vi.waitFor(() => expect(state.bodies).toEqual(['one', 'one']), { timeout: 5_000 })
  webhook.post(2, 'two')
  await vi.waitFor(() => expect(state.bodies.at(-1)).toBe('two'), 10_000)
  expect(state.bodies).toEqual(['one', 'one', 'two'])
})

test('an address inside is refused like any other that the platform would call', async () => {
  const { state, url } = await receiver()
  const egress = createEgress()
  const lines: string[] = []
  const loud = createLogger({ production: true, logLevel: 'warn' }, { write: (line) => void lines.push(line) })
  const webhook = anchorWebhook({ url, egress, log: loud })
  onTestFinished(async () => {
    webhook.stop()
    await egress.close()
  })
  webhook.post(1, 'one')
  await vi.waitFor(() => expect(lines.join('')).toContain('BASE_URL_REFUSED'), 10_000)
  expect(state.bodies).toEqual([])
})
