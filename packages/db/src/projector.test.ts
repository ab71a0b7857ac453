import { views as catalog } from '@stewrd/core/catalog.ts'
import type { View } from '@stewrd/core/catalog.ts'
import { projects } from '@stewrd/core/projects/projects.ts'
import type { ProjectRow } from '@stewrd/core/projects/projects.projection.ts'
import { afterAll, beforeAll, beforeEach, expect, onTestFinished, test } from 'vitest'
import { Projector } from './projector.ts'
import { replayView } from './replay.ts'
import { Sequencer } from './sequencer.ts'
import type { AnyDecider } from './store/stream-state.ts'
import { appendUnchecked } from './testkit/unchecked.ts'
import { by, createWorld } from './testkit/world.ts'
import type { World } from './testkit/world.ts'
import { Views } from './views.ts'

let world: World
let sequencer: Sequencer
beforeAll(async () => {
  world = await createWorld()
  sequencer = new Sequencer({ sql: world.worker, node: 'test' })
})
afterAll(async () => {
  await sequencer.stop()
  await world.close()
})
// A projector that crashed keeps its lease until that runs out.
beforeEach(() => world.owner`update leases set expires_at = '-infinity'`)

const projector = (views?: readonly View[]) =>
  new Projector({ sql: world.another().worker, dataKeys: world.dataKeys, node: 'test', ...(views ? { views } : {}) })
const names = Array.from({ length: 30 }, (_, i) => `name ${i}`)
const write = async () => {
  const stream = world.project()
  await world.store.execute(projects, stream, { type: 'CreateProject', name: 'new' }, by())
  await Promise.all(names.map((name) => world.store.execute(projects, stream, { type: 'RenameProject', name }, by())))
  await sequencer.drain()
  return stream
}

test('nobody is told that the views have seen an event while no projector has begun', async () => {
  const fresh = await createWorld()
  onTestFinished(() => fresh.close())
  const stream = fresh.project()
  await fresh.store.execute(projects, stream, { type: 'CreateProject', name: 'new' }, by())
  const itsSequencer = new Sequencer({ sql: fresh.worker, node: 'test' })
  await itsSequencer.drain()
  const p = new Projector({ sql: fresh.worker, dataKeys: fresh.dataKeys, node: 'test' })
  expect(await p.waitFor(fresh.accountId, stream.stream, 1, { timeoutMs: 30 })).toBe(false)
  await p.drain()
  expect(await p.waitFor(fresh.accountId, stream.stream, 1, { timeoutMs: 30 })).toBe(true)
  await p.stop()
  await itsSequencer.stop()
})

test('a view shows every event once, and lists page from the newest row on', async () => {
  const views = new Views(world.sql)
  const streams = [await write(), await write(), await write()]
  const p = projector()
  await p.drain()
  const row = await views.get<ProjectRow>('projects', world.accountId, streams[0]!.projectId)
  expect(row).toMatchObject({ revision: 31, status: 'active' })
  const first = await views.list<ProjectRow>('projects', world.accountId, { limit: 2 })
  const second = await views.list<ProjectRow>('projects', world.accountId, {
    limit: 2,
    ...(first.next ? { before: first.next } : {}),
  })
  expect([...first.rows, ...second.rows].map((r) => r.projectId)).toEqual(streams.map((s) => s.projectId).reverse())
  expect(second.next).toBeUndefined()
  expect((await views.list('projects', world.accountId, { projectId: streams[1]!.projectId })).rows).toHaveLength(1)
  await p.stop()
})

test('a projector that dies between batches is followed by one that does nothing twice', async () => {
  for (let i = 0; i < 3; i++) {
    await write()
    const dying = projector()
    await dying.drain()
    await write()
    await world.owner`update leases set expires_at = '-infinity'`
    const heir = projector()
    await heir.drain()
    // The dead one wakes up: its epoch is over, so it writes nothing.
    await write()
    await dying.drain()
    await heir.drain()
    await heir.stop()
  }
  for (const { projection } of catalog) {
    const replayed = await replayView(world.background, projection.name)
    expect(replayed).toMatchObject({ view: projection.name, equal: true })
  }
})

test('waiting for an event ends when every live view has seen it', async () => {
  const p = projector()
  p.start()
  sequencer.start()
  const stream = world.project()
  await world.store.execute(projects, stream, { type: 'CreateProject', name: 'awaited' }, by())
  expect(await p.waitFor(world.accountId, stream.stream, 1, { timeoutMs: 5000 })).toBe(true)
  expect(await new Views(world.sql).get('projects', world.accountId, stream.projectId)).toMatchObject({
    name: 'awaited',
  })
  expect(await p.waitFor(world.accountId, stream.stream, 2, { timeoutMs: 30 })).toBe(false)
  await p.stop()
})

test('an event that cannot be read stops the views that need it, and only those', async () => {
  const stream = await write()
  await world.owner`update events set type = 'ProjectTeleported' where stream = ${stream.stream} and seq = 3`
  const p = projector()
  await p.drain()
  const status = await new Views(world.sql).status()
  const [broken] = await world.sql<{ idx: number }[]>`select idx from log where stream = ${stream.stream} and seq = 3`
  const stopped = {
    view: 'projects',
    status: 'quarantined',
    checkpoint: broken!.idx,
    error: `ENVELOPE_TAMPERED at ${broken!.idx}`,
  }
  expect(status.filter((s) => s.view === 'projects')).toMatchObject([stopped])
  expect(status.filter((s) => s.view !== 'projects').every((s) => s.status === 'live' && s.lag === 0)).toBe(true)
  // What it had before stays readable.
  expect(await new Views(world.sql).get('projects', world.accountId, stream.projectId)).toMatchObject({ revision: 2 })
  await p.stop()
  await world.owner`update events set type = 'ProjectRenamed' where stream = ${stream.stream} and seq = 3`
  const mended = projector()
  await mended.drain()
  expect((await new Views(world.sql).status()).every((s) => s.status === 'live' && s.lag === 0)).toBe(true)
  await mended.stop()
})

test('a view whose fold fails stops alone, at its event', async () => {
  const [view] = catalog
  const faulty: View = {
    nouns: view!.nouns,
    projection: {
      ...view!.projection,
      name: 'faulty',
      evolve(row, logged) {
        if (logged.seq === 5) throw new Error('cannot')
        return { ...row, seq: logged.seq }
      },
    },
  }
  const p = projector([view!, faulty])
  await p.drain()
  const status = new Map((await new Views(world.sql).status()).map((s) => [s.view, s]))
  expect(status.get('faulty')).toMatchObject({
    status: 'quarantined',
    error: expect.stringMatching(/^FOLD_FAILED at \d+$/) as string,
  })
  expect(status.get('projects')).toMatchObject({ status: 'live', lag: 0 })
  await p.stop()
  await world.owner`delete from projections where view = 'faulty'`
})

/** What an earlier program accepted: a NUL, which Postgres does not store, and half of a surrogate pair. */
const poisoned = { type: 'ProjectRenamed', version: 1, data: { from: 'new', to: 'm\u0000 \ud83d \\u0000' } } as const
const create = (stream = world.project()) =>
  world.store.execute(projects, stream, { type: 'CreateProject', name: 'new' }, by()).then(() => stream)
const row = (projectId: string) => new Views(world.sql).get<ProjectRow>('projects', world.accountId, projectId)
const statusOf = async (view: string) => (await new Views(world.sql).status()).find((s) => s.view === view)!

test('a view that text stopped goes on when a projector starts, and shows the text with its escapes', async () => {
  const [bad, good] = [await create(), await create()]
  await sequencer.drain()
  const before = projector()
  await before.drain()
  await before.stop()
  await appendUnchecked(world, projects, bad, poisoned)
  await sequencer.drain()
  // So an earlier program left it.
  await world.owner`
    update projections set status = 'quarantined', error = 'ROW_REFUSED (22P05) after ' || checkpoint where view = 'projects'`
  await world.store.execute(projects, good, { type: 'RenameProject', name: 'seen' }, by())
  await sequencer.drain()
  const p = projector()
  await p.drain()
  await p.stop()
  expect(await row(good.projectId)).toMatchObject({ name: 'seen', revision: 2 })
  expect(await row(bad.projectId)).toMatchObject({ name: 'm\\u0000 \\ud83d \\u0000', revision: 2 })
  expect(await statusOf('projects')).toMatchObject({ status: 'live', lag: 0, error: null })
  expect(await replayView(world.background, 'projects')).toMatchObject({ equal: true, leftOut: 0 })
})

test('a row that the database refuses is set aside with its event; all others go on, and the alarm stays until it can be stored', async () => {
  const [bad, good] = [await create(), await create()]
  await world.owner`alter table view_rows add constraint no_poison check (row ->> 'name' not like 'poison%') not valid`
  const rename = (stream: typeof bad, name: string) =>
    world.store.execute(projects, stream, { type: 'RenameProject', name }, by())
  for (const name of ['still fine', 'poison', 'later']) await rename(bad, name)
  await rename(good, 'seen')
  await sequencer.drain()
  const aside: unknown[] = []
  const p = new Projector({
    sql: world.another().worker,
    dataKeys: world.dataKeys,
    node: 'test',
    onSetAside: (rows) => aside.push(...rows),
  })
  await p.drain()
  // In one batch the last state counts, which is fine again.
  expect(await row(bad.projectId)).toMatchObject({ name: 'later' })
  await rename(bad, 'poison')
  await rename(good, 'seen again')
  await sequencer.drain()
  await p.drain()
  await rename(bad, 'poison too')
  await sequencer.drain()
  await p.drain()
  await p.stop()

  const [event] = await world.sql<{ idx: number }[]>`select idx from log where stream = ${bad.stream} and seq = 5`
  const name = { view: 'projects', key: bad.projectId, projectId: bad.projectId, index: event!.idx, code: '23514' }
  expect(aside).toMatchObject([name])
  expect(await row(good.projectId)).toMatchObject({ name: 'seen again' })
  expect(await row(bad.projectId)).toMatchObject({ name: 'later', revision: 4 })
  expect(await statusOf('projects')).toMatchObject({ status: 'live', lag: 0 })
  const alarm = async () => (await new Views(world.sql).setAside()).get('projects')
  expect(await alarm()).toMatchObject({ count: 1, rows: [name] })
  // A rebuild that cannot store it either says what it leaves out, and takes no alarm away.
  expect(await replayView(world.background, 'projects')).toMatchObject({ equal: true, leftOut: 4 })
  expect(await alarm()).toMatchObject({ count: 1, rows: [{ key: bad.projectId, code: '23514' }] })

  await world.owner`alter table view_rows drop constraint no_poison`
  expect(await replayView(world.background, 'projects')).toMatchObject({ equal: true, switched: true, leftOut: 0 })
  expect(await alarm()).toBeUndefined()
  expect(await row(bad.projectId)).toMatchObject({ name: 'poison too', revision: 6 })
})

test('a stopped view stays stopped after a rebuild that cannot get past the event, and goes on after one that can', async () => {
  const stream = await write()
  await world.owner`update events set type = 'ProjectTeleported' where stream = ${stream.stream} and seq = 3`
  const p = projector()
  await p.drain()
  await p.stop()
  const stopped = await statusOf('projects')
  expect(stopped.status).toBe('quarantined')
  await expect(replayView(world.background, 'projects')).rejects.toThrow(`ENVELOPE_TAMPERED at ${stopped.checkpoint}`)
  expect(await statusOf('projects')).toMatchObject({ status: 'quarantined', error: stopped.error })
  await world.owner`update events set type = 'ProjectRenamed' where stream = ${stream.stream} and seq = 3`
  expect(await replayView(world.background, 'projects')).toMatchObject({ equal: true, switched: true, leftOut: 0 })
  expect(await statusOf('projects')).toMatchObject({ status: 'live', lag: 0, error: null })
  expect(await row(stream.projectId)).toMatchObject({ revision: 31 })
})

test('an event of a newer program stops the views of its kind of stream and is shown, and nothing is decided on it', async () => {
  const stream = await write()
  const event = { type: 'ProjectTransferred', version: 1, data: { to: 'another account' } }
  const known = projects as unknown as AnyDecider
  const newer: AnyDecider = { ...known, stateVersion: 99, decide: () => [event], evolve: (state) => state }
  await world.store.execute(newer, stream, {}, by())
  await sequencer.drain()
  const p = projector()
  await p.drain()
  const [unknown] = await world.sql<{ idx: number }[]>`select idx from log where stream = ${stream.stream} and seq = 32`
  const status = new Map((await new Views(world.sql).status()).map((s) => [s.view, s]))
  expect(status.get('projects')).toMatchObject({
    status: 'quarantined',
    checkpoint: unknown!.idx,
    error: `EVENT_UNKNOWN at ${unknown!.idx}`,
  })
  expect(status.get('llm')).toMatchObject({ status: 'live', lag: 0 })
  await p.stop()
  // A command on what it cannot read is refused; nothing is decided on half of a state.
  const rename = { type: 'RenameProject', name: 'guessed' } as const
  await expect(world.another().store.execute(projects, stream, rename, by())).rejects.toMatchObject({
    code: 'EVENT_UNKNOWN',
    details: { type: 'ProjectTransferred', version: 1 },
  })
})
