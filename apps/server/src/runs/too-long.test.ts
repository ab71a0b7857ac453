import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { runLimits } from './deps.ts'
import type { Answer, Bed } from './v1.testing.ts'
import { openBed } from './v1.testing.ts'

const contract = { ...runLimits }
let bed: Bed
beforeAll(async () => {
  runLimits.sync = 500
  bed = await openBed({ variables: { STEWRD_METERING: 'on' } })
})
afterAll(async () => {
  runLimits.sync = contract.sync
  await bed?.close()
})

test('a run that takes too long for a synchronous call is stopped and given back, and answered in time', async () => {
  // Clients wait for 120 s.
  expect(contract.sync).toBeLessThan(118_000)
  bed.upstream.hold()
  const response = await bed.post({ message: 'slow', stream: false })
  expect([response.status, await response.json()]).toMatchObject([502, { error: { code: 'compute_unavailable' } }])
  const runId = response.headers.get('x-stewrd-run')!
  expect(await bed.started(runId)).toMatchObject({ status: 'failed', error: 'compute_unavailable' })
  expect(await bed.server.client.credits.balance.query()).toMatchObject({ total: 200 })
})

test('one who asked for it is told that the run is under way, and it goes on', async () => {
  bed.upstream.hold()
  const response = await bed.post({ message: 'slow', stream: false }, { headers: { prefer: 'respond-async' } })
  const { id, status } = (await response.json()) as Answer
  expect([response.status, status, response.headers.get('location')]).toEqual([202, 'in_progress', `/v1/agent/${id}`])
  bed.upstream.release()
  await vi.waitFor(async () => expect(await bed.started(id)).toMatchObject({ status: 'completed' }), 10_000)
})
