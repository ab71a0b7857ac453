import { randomUUID } from 'node:crypto'
import { llm, llmStream } from '@stewrd/core/llm/llm.ts'
import { apiKeys, apiKeysStream } from '@stewrd/core/api-keys/api-keys.ts'
import type { SealedKey } from '@stewrd/core/llm/events.ts'
import { GuardMoved } from '@stewrd/core/kernel/execute.ts'
import type { StreamId } from '@stewrd/core/kernel/execute.ts'
import type { StartRun } from '@stewrd/core/runs/commands.ts'
import { runs, runStream } from '@stewrd/core/runs/runs.ts'
import { afterAll, beforeAll, expect, test } from 'vitest'
import type { EventStore } from '../event-store.ts'
import { History } from '../history.ts'
import { Sequencer } from '../sequencer.ts'
import { by, createWorld } from '../testkit/world.ts'
import type { World } from '../testkit/world.ts'

let world: World
beforeAll(async () => {
  world = await createWorld()
})
afterAll(() => world.close())

const key = (nth: number): SealedKey => ({
  sealed: 'AAAA',
  dekId: randomUUID(),
  fingerprint: `fp_${nth.toString(16).padStart(16, '0')}`,
})
const startRun = (keyFingerprint: string | null, configRevision: number): StartRun => ({
  type: 'StartRun',
  run: {
    object: 'agent.response',
    plan: 'self-hosted',
    tools: [],
    sessionId: null,
    requestDigest: null,
    deadline: 0,
    message: 'hello',
    files: [],
    capabilities: ['chat'],
    stream: false,
    provider: 'openai',
    baseUrl: 'https://api.openai.com/v1',
    model: 'gpt-4o',
    keySource: keyFingerprint ? 'project' : 'demo',
    configRevision,
    keyFingerprint,
    credits: 0,
    node: 'n',
  },
})
const provider = { provider: 'openai', baseUrl: 'https://api.openai.com/v1' } as const
const run = (stream: StreamId): StreamId => ({ ...stream, stream: runStream(randomUUID()) })

const guardMoved = (error: unknown) => {
  if (!(error instanceof GuardMoved)) throw error
}

test('a run is refused on what a change has replaced, and names the stream that moved', async () => {
  const id = { ...world.project() }
  const config = { ...id, stream: llmStream(id.projectId) }
  await world.store.execute(llm, config, { type: 'SetProvider', provider, model: 'gpt-4o', key: key(1) }, by())
  const guards = [
    { stream: config.stream, revision: 1 },
    { stream: apiKeysStream(id.projectId), revision: 0 },
  ]
  const started = await world.store.execute(runs, run(id), startRun(key(1).fingerprint, 1), {
    ...by(),
    expectedRevision: 0,
    guards,
  })
  expect(started.revision).toBe(1)
  await world.another().store.execute(llm, config, { type: 'RotateKey', key: key(2) }, by())
  const stale = world.store.execute(runs, run(id), startRun(key(1).fingerprint, 1), {
    ...by(),
    expectedRevision: 0,
    guards,
  })
  await expect(stale).rejects.toBeInstanceOf(GuardMoved)
  await expect(stale).rejects.toMatchObject({ streams: [config.stream] })
})

test('a run that was started is found again by its id although its guards have moved since', async () => {
  const id = world.project()
  const guards = [{ stream: apiKeysStream(id.projectId), revision: 0 }]
  const stream = run(id)
  const meta = { ...by(), expectedRevision: 0, guards }
  await world.store.execute(runs, stream, startRun(null, 0), meta)
  await world.store.execute(
    apiKeys,
    { ...id, stream: apiKeysStream(id.projectId) },
    { type: 'IssueApiKey', keyId: randomUUID(), hash: 'a'.repeat(64) },
    by(),
  )
  const again = await world.another().store.execute(runs, stream, startRun(null, 0), meta)
  expect(again.repeated).toBe(true)
})

test('rotations against 200 runs on two nodes: in the log no run stands after the rotation that replaced its key', async () => {
  const id = world.project()
  const config = { ...id, stream: llmStream(id.projectId) }
  const sequencer = new Sequencer({ sql: world.worker, node: 'test' })
  sequencer.start()
  const nodes = [world.another().store, world.another().store]
  await world.store.execute(llm, config, { type: 'SetProvider', provider, model: 'gpt-4o', key: key(1) }, by())
  let refused = 0
  const startOne = async (store: EventStore) => {
    let head = await store.head(llm, config)
    for (;;) {
      if (head.state.status !== 'own') throw new Error('the project lost its key')
      const guards = [{ stream: config.stream, revision: head.revision }]
      const meta = { ...by(), expectedRevision: 0, guards }
      try {
        return await store.execute(runs, run(id), startRun(head.state.key.fingerprint, head.revision), meta)
      } catch (error) {
        if (!(error instanceof GuardMoved)) throw error
        refused += 1
        head = await store.head(llm, config)
      }
    }
  }
  const rotations = (async () => {
    for (let nth = 2; nth <= 20; nth++)
      await world.store.execute(llm, config, { type: 'RotateKey', key: key(nth) }, by())
  })()
  const started = await Promise.all(Array.from({ length: 200 }, (_, i) => startOne(nodes[i % 2]!)))
  await rotations
  await sequencer.drain()
  await sequencer.stop()
  expect(started).toHaveLength(200)
  expect(refused).toBeGreaterThan(0)
  const log = await new History(world).list(world.accountId, { projectId: id.projectId, after: -1, limit: 1000 })
  let current = ''
  let seen = 0
  for (const { event } of log) {
    if (event.data === null) throw new Error('an event cannot be read')
    if (event.type === 'ProviderSet' || event.type === 'KeyRotated') current = event.data.key.fingerprint
    if (event.type !== 'RunStarted') continue
    expect(event.data.keyFingerprint).toBe(current)
    seen += 1
  }
  expect(seen).toBe(200)
})

test('the first change of a stream that had no event is ordered against runs too', async () => {
  const id = world.project()
  const config = { ...id, stream: llmStream(id.projectId) }
  const sequencer = new Sequencer({ sql: world.worker, node: 'test' })
  const other = world.another().store
  const guards = [{ stream: config.stream, revision: 0 }]
  const started = Array.from({ length: 50 }, () =>
    other.execute(runs, run(id), startRun(null, 0), { ...by(), expectedRevision: 0, guards }).catch(guardMoved),
  )
  await world.store.execute(llm, config, { type: 'SetProvider', provider, model: 'gpt-4o', key: key(1) }, by())
  await Promise.all(started)
  await sequencer.drain()
  await sequencer.stop()
  const log = await new History(world).list(world.accountId, { projectId: id.projectId, after: -1, limit: 1000 })
  const changed = log.findIndex((e) => e.event.type === 'ProviderSet')
  expect(changed).toBe(log.length - 1)
})

test('an append by an API key that does not depend on the key is a mistake of the program, and writes nothing', async () => {
  const id = world.project()
  const meta = { ...by(), actor: 'api-key:1', expectedRevision: 0 }
  const open = (guards: { stream: string; revision: number }[]) =>
    world.store.execute(runs, run(id), startRun(null, 0), { ...meta, guards })
  await expect(open([])).rejects.toThrow('needs a guard')
  await expect(open([{ stream: apiKeysStream(randomUUID()), revision: 0 }])).rejects.toThrow('needs a guard')
  expect((await open([{ stream: apiKeysStream(id.projectId), revision: 0 }])).revision).toBe(1)
})
