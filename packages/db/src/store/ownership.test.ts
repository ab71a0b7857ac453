// A database of its own: it counts all rows of several tables.
import { randomUUID } from 'node:crypto'
import type { StreamId } from '@stewrd/core/kernel/execute.ts'
import type { FileCommand } from '@stewrd/core/files/files.ts'
import { files, fileStream } from '@stewrd/core/files/files.ts'
import { keyring, keyringStream } from '@stewrd/core/keyring/keyring.ts'
import { sessions, sessionStream } from '@stewrd/core/sessions/sessions.ts'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { recordElsewhere, sealedElsewhere } from '../testkit/record-elsewhere.ts'
import { by, createWorld } from '../testkit/world.ts'
import type { World } from '../testkit/world.ts'
import type { Unit } from './append.ts'
import { append } from './append.ts'
import { appendKnown } from './append-known.ts'
import { appendOne } from './append-one.ts'

let world: World
beforeAll(async () => {
  world = await createWorld()
})
afterAll(() => world.close())

const projectId = randomUUID()
const other = randomUUID()
const fileOf = (id: string = randomUUID()): StreamId => ({
  accountId: world.accountId,
  projectId,
  stream: fileStream(id),
})
const asOther = (stream: StreamId): StreamId => ({ ...stream, projectId: other })
const store = (name: string): FileCommand => ({
  type: 'StoreFile',
  file: {
    name,
    bytes: 1,
    mediaType: 'text/plain',
    origin: 'upload',
    runId: null,
    sha256: '0'.repeat(64),
    dekId: randomUUID(),
  },
})
const remove: FileCommand = { type: 'RemoveFile' }

async function stored(): Promise<StreamId> {
  const stream = fileOf()
  await world.store.execute(files, stream, store('a.txt'), by())
  return stream
}

/** Every row that an append writes. */
const rows = async () => ({
  heads: await world.worker`select stream, project_id, seq, chain, snapshot from heads order by stream`,
  events: await world.worker`select stream, seq, project_id, chain from events order by stream, seq`,
  outbox: await world.worker`select stream, seq from outbox order by stream, seq`,
})

// By itself: no policy binds this owner, who is a superuser (row-level-security.test.ts).
describe('a statement refuses the stream of another project', () => {
  const removal = async (stream?: StreamId) => sealedElsewhere(world, files, stream ?? (await stored()), remove, other)
  const begun = (unit: Unit): Unit => ({ ...unit, from: { seq: 0, chain: unit.from.chain } })

  test('that swaps one head', async () => {
    const unit = await removal()
    const before = await rows()
    expect(await appendOne(world.owner, unit)).toBe(false)
    expect(await rows()).toEqual(before)
  })

  test('that swaps several heads: the others are written', async () => {
    const units = [await removal(), await removal()]
    const own = await stored()
    const mine = await sealedElsewhere(world, files, own, remove, projectId)
    const before = await rows()
    expect(await appendKnown(world.owner, [units[0]!, mine, units[1]!])).toEqual([0, 2])
    const after = await rows()
    expect(after.events).toHaveLength(before.events.length + 1)
    for (const { id } of units) expect((await world.store.head(files, { ...id, projectId })).revision).toBe(1)
    expect((await world.store.head(files, own)).revision).toBe(2)
  })

  test('that begins streams, and one with a head that a guard gave a row', async () => {
    const placed = fileOf()
    await world.owner`
      insert into heads (account_id, stream, project_id, seq, chain, from_seq, from_chain, state_version)
      values (${placed.accountId}, ${placed.stream}, ${projectId}, 0, ${Buffer.alloc(32)}, 0, ${Buffer.alloc(32)}, 0)`
    const unit = await sealedElsewhere(world, files, placed, store('b.txt'), other)
    const taken = begun(await removal())
    const fresh = await sealedElsewhere(world, files, fileOf(), store('c.txt'), other)
    const before = await rows()
    expect(await appendOne(world.owner, unit)).toBe(false)
    expect(await rows()).toEqual(before)
    const { failures } = await append(world.owner, [unit, taken, fresh])
    expect([...failures.keys()]).toEqual([0, 1])
    expect((await rows()).events).toHaveLength(before.events.length + 1)
  })

  test('that is guarded by a stream of another project', async () => {
    const { stream } = await stored()
    const guarded = { stream, revision: 1 }
    const units = await Promise.all(
      [1, 2].map(async () => ({
        ...(await sealedElsewhere(world, files, fileOf(), store('d.txt'), other)),
        guards: [guarded],
      })),
    )
    const before = await rows()
    expect(await appendOne(world.owner, units[0]!)).toBe(false)
    expect([...(await append(world.owner, units)).failures.values()]).toEqual([
      { kind: 'guard', moved: [stream], missing: [] },
      { kind: 'guard', moved: [stream], missing: [] },
    ])
    expect(await rows()).toEqual(before)
  })
})

describe('a stream of another project is to a caller', () => {
  test('a stream without events, whether it was read before or not', async () => {
    const stream = await stored()
    for (const { store } of [world, world.another()]) {
      expect(await store.head(files, asOther(stream))).toEqual({ revision: 0, state: { status: 'none' } })
      expect(await store.read(asOther(stream))).toEqual([])
      expect((await store.head(files, stream)).revision).toBe(1)
      expect(await store.isDone(asOther(stream), 'x')).toBe(false)
    }
  })

  test('refused like an unknown one, also when the owner carried out the same command', async () => {
    const [known, gone, unknown] = [await stored(), await stored(), fileOf()]
    const metaOf = ({ stream }: StreamId) => by(`remove:${stream}`)
    await world.store.execute(files, gone, remove, metaOf(gone))
    const before = await rows()
    for (const { store } of [world, world.another()]) {
      const refusal = async (stream: StreamId, expectedRevision?: number) => {
        const error: unknown = await store
          .execute(files, asOther(stream), remove, {
            ...metaOf(stream),
            ...(expectedRevision !== undefined && { expectedRevision }),
          })
          .catch((error: unknown) => error)
        return JSON.stringify(error).replaceAll(stream.stream, 'x')
      }
      for (const expected of [undefined, 0, 1])
        for (const stream of [known, gone])
          expect(await refusal(stream, expected)).toBe(await refusal(unknown, expected))
    }
    expect(await rows()).toEqual(before)
  })

  test('one that cannot be begun', async () => {
    const stream = await stored()
    const open = { ...asOther(stream), stream: sessionStream(randomUUID()) }
    await world.store.execute(sessions, { ...open, projectId }, { type: 'OpenSession', at: 1 }, by())
    const before = await rows()
    for (const expectedRevision of [undefined, 0]) {
      const meta = { ...by(), ...(expectedRevision !== undefined && { expectedRevision }) }
      await expect(world.store.execute(files, asOther(stream), store('x'), meta)).rejects.toMatchObject({
        code: 'NOT_FOUND',
        details: { what: 'file' },
      })
      await expect(
        world.store.execute(sessions, open, { type: 'OpenSession', at: 1 }, { ...meta, commandId: randomUUID() }),
      ).rejects.toMatchObject({ code: 'NOT_FOUND', details: { what: 'session' } })
    }
    expect(await rows()).toEqual(before)
  })

  test('no reason to slow down its owner: commands of both at once, and only the owner’s are written', async () => {
    const stream = await stored()
    const calls = [asOther(stream), stream, asOther(stream), stream, asOther(stream)]
    const outcomes = await Promise.allSettled(calls.map((id) => world.store.execute(files, id, remove, by())))
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'rejected', 'fulfilled', 'rejected'])
    const recorded = await world.worker`select project_id from events where stream = ${stream.stream}`
    expect(recorded.map((row) => row['project_id'])).toEqual([projectId, projectId])
  })
})

test('a stream without a project is the account’s, and to a project one without events', async () => {
  const id = keyringStream(world.accountId)
  const command = { type: 'AddMasterKey', key: { id: 'kek', version: 1 }, provider: 'file' } as const
  expect((await world.store.execute(keyring, id, command, by())).revision).toBe(1)
  expect(await world.another().store.read(id)).toHaveLength(1)
  expect(await world.store.read({ ...id, projectId: other })).toEqual([])
})

describe.each(['alone', 'together'] as const)('an event that was recorded under another project (%s)', (how) => {
  test('changes nothing in the stream, whose owner goes on after it', async () => {
    const stream = await stored()
    const unit = await sealedElsewhere(world, files, stream, remove, other)
    await recordElsewhere(world.owner, unit, projectId, how)
    const { store, dataKeys } = world.another()
    expect(await store.head(files, stream)).toMatchObject({ revision: 2, state: { status: 'stored' } })
    expect((await store.read(stream)).map(({ seq }) => seq)).toEqual([1])
    await world.owner`
      with gone as (delete from data_keys where scope = ${other} returning *)
      insert into destroyed_data_keys (account_id, id, scope, purpose, epoch, keks)
      select account_id, id, scope, purpose, epoch, former_keks from gone`
    dataKeys.forget()
    expect(await store.head(files, stream)).toMatchObject({ revision: 2, state: { status: 'stored' } })
    const removed = await store.execute(files, stream, remove, by())
    expect(removed).toMatchObject({ revision: 3, state: { status: 'removed' } })
    expect((await store.read(stream)).map(({ seq }) => seq)).toEqual([1, 3])
  })
})
