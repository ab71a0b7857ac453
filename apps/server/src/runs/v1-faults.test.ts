import { llm, llmStream } from '@stewrd/core/llm/llm.ts'
import type { AnyDecider } from '@stewrd/db/store/stream-state.ts'
import type { Fault } from '@stewrd/runtime/testing/upstream.ts'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { Answer, Bed } from './v1.testing.ts'
import { frames, keyA, openBed } from './v1.testing.ts'

let bed: Bed
let upstream: Bed['upstream']
let server: Bed['server']
let project: Bed['project']
let newProject: Bed['newProject']
let post: Bed['post']
let setKey: Bed['setKey']
beforeAll(async () => {
  bed = await openBed()
  ;({ upstream, server, project, newProject, post, setKey } = bed)
})
afterAll(() => bed?.close())
afterEach(() => upstream.fail(undefined))

describe('a provider that fails', () => {
  const outcomes: [Fault, number, string][] = [
    ['unauthorized', 424, 'provider_key_rejected'],
    ['payment', 424, 'provider_quota_exceeded'],
    ['quota', 424, 'provider_quota_exceeded'],
    ['rate', 502, 'compute_error'],
    ['not-found', 424, 'model_not_found'],
    ['server-error', 502, 'compute_error'],
    ['garbage', 502, 'compute_error'],
    ['reset', 502, 'compute_unavailable'],
    ['truncate', 502, 'compute_error'],
  ]
  let runsSoFar = 0
  test.each(outcomes)('%s is answered with %s %s, and the run ends as failed', async (fault, status, code) => {
    upstream.fail(fault)
    const response = await post({ message: 'x' })
    const text = await response.text()
    expect([response.status, (JSON.parse(text) as Answer).error?.code]).toEqual([status, code])
    expect(text).not.toContain('SENTINEL')
    runsSoFar += 1
    const statuses = async () => {
      const { runs: rows } = await server.client.runs.list.query({ projectId: project.projectId, limit: 50 })
      return rows.map((row) => row.status)
    }
    await expect.poll(statuses, { timeout: 5000 }).toEqual(Array.from({ length: runsSoFar }, () => 'failed'))
  })

  test('in the middle of a stream ends it with one error', async () => {
    upstream.fail('truncate')
    const events = frames(await (await post({ message: 'x', stream: true })).text())
    expect(events.map((e) => e.event)).toEqual(['token', 'error'])
    expect(events[1]!.data).toEqual({ code: 'compute_error', message: expect.any(String) })
  })

  test('before the first word is answered as plain JSON', async () => {
    upstream.fail('unauthorized')
    const response = await post({ message: 'x', stream: true })
    expect(response.status).toBe(424)
    expect(await response.json()).toMatchObject({ error: { code: 'provider_key_rejected' } })
  })

  test('leaves what it said about the key in its health, and the key nowhere', async () => {
    const other = await newProject()
    upstream.fail('unauthorized')
    await post({ message: 'x' }, other)
    await expect
      .poll(async () => (await server.client.llm.current.query({ projectId: other.projectId })).health)
      .toMatchObject({ status: 'rejected' })
    expect(server.logs.join('')).not.toMatch(/SENTINEL|sk-stw_/)
  })

  test('about the key no longer holds once a run succeeds with that key', async () => {
    const other = await newProject()
    const health = async () => (await server.client.llm.current.query({ projectId: other.projectId })).health.status
    upstream.fail('unauthorized')
    await post({ message: 'x' }, other)
    await expect.poll(health).toBe('rejected')
    upstream.fail(undefined)
    expect((await post({ message: 'x' }, other)).status).toBe(200)
    await expect.poll(health).toBe('verified')
  })

  test('while the client goes away still leaves a run that ended', async () => {
    upstream.hold()
    const gone = new AbortController()
    const other = await newProject({ key: null })
    await setKey(other.projectId, keyA)
    const before = upstream.seen.length
    const request = fetch(`${server.url}/v1/agent`, {
      method: 'POST',
      headers: { authorization: `Bearer ${other.apiKey}`, 'content-type': 'application/json' },
      body: JSON.stringify({ message: 'x', stream: true }),
      signal: gone.signal,
    }).catch(() => {})
    await expect.poll(() => upstream.seen.length).toBe(before + 1)
    gone.abort()
    await request
    upstream.release()
    await expect
      .poll(async () => (await server.client.runs.list.query({ projectId: other.projectId, limit: 1 })).runs[0]?.status)
      .toBe('completed')
  })
})

test('a configuration that a newer program wrote is not guessed at: 503, with what to do', async () => {
  const other = await newProject()
  await post({ message: 'warm' }, other)
  const { store, accountId } = bed.tested.platform
  const event = { type: 'KeySplit', version: 1, data: { shares: 3 } }
  const known = llm as unknown as AnyDecider
  const newer: AnyDecider = { ...known, stateVersion: 99, decide: () => [event], evolve: (state) => state }
  const stream = { accountId, projectId: other.projectId, stream: llmStream(other.projectId) }
  const meta = { commandId: 'split', actor: 'operator:test' }
  await store.execute(newer, stream, {}, meta)
  upstream.seen.length = 0
  const response = await post({ message: 'x' }, other)
  expect([response.status, ((await response.json()) as Answer).error]).toMatchObject([
    503,
    { code: 'service_unavailable', message: expect.stringContaining('KeySplit (version 1)') as string },
  ])
  expect(upstream.seen).toEqual([])
})
