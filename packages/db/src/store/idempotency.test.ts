import { spawn } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { projects } from '@stewrd/core/projects/projects.ts'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { connect, disconnect } from '../connect.ts'
import { DataKeys } from '../data-keys.ts'
import { createEventStore } from '../event-store.ts'
import { openKeyringFile } from '@stewrd/crypto/keyring-file.ts'
import { startProxy } from '../testkit/proxy.ts'
import { by, createWorld } from '../testkit/world.ts'
import type { World } from '../testkit/world.ts'

let world: World
beforeAll(async () => {
  world = await createWorld()
})
afterAll(() => world.close())

const create = (name: string) => ({ type: 'CreateProject', name }) as const
const rename = (name: string) => ({ type: 'RenameProject', name }) as const

test('the same command with the same id returns the first result, with the state of today', async () => {
  const stream = world.project()
  const first = await world.store.execute(projects, stream, create('one'), by('c-1'))
  await world.store.execute(projects, stream, rename('two'), by('c-2'))
  const again = await world.store.execute(projects, stream, create('one'), by('c-1'))
  expect(again).toMatchObject({ repeated: true, revision: 1, events: first.events, state: { name: 'two' } })
  expect(await world.store.findCommand(world.accountId, 'c-1')).toEqual({ stream: stream.stream, revision: 1 })
  expect(await world.store.findCommand(world.accountId, 'c-3')).toBeUndefined()
})

test('the same id with another command is refused', async () => {
  const stream = world.project()
  await world.store.execute(projects, stream, create('one'), by('r-1'))
  await expect(world.store.execute(projects, stream, create('other'), by('r-1'))).rejects.toMatchObject({
    code: 'COMMAND_REUSED',
  })
  await expect(world.store.execute(projects, stream, rename('other'), by('r-1'))).rejects.toMatchObject({
    code: 'COMMAND_REUSED',
  })
  await expect(world.store.execute(projects, world.project(), create('one'), by('r-1'))).rejects.toMatchObject({
    code: 'COMMAND_REUSED',
  })
  expect(await world.store.read(stream)).toHaveLength(1)
})

test('a command sent many times at once, through several nodes, happens once', async () => {
  const nodes = [world, world.another(), world.another()]
  const stream = world.project()
  const id = randomUUID()
  const outcomes = await Promise.all(
    Array.from({ length: 30 }, (_, i) => nodes[i % 3]!.store.execute(projects, stream, create('once'), by(id))),
  )
  expect(outcomes.filter((o) => !o.repeated)).toHaveLength(1)
  expect(new Set(outcomes.map((o) => o.events[0]!.eventId)).size).toBe(1)
  expect(await world.store.read(stream)).toHaveLength(1)
})

test('a doubled command does not hurt the others in its statement', async () => {
  const other = world.another()
  const streams = Array.from({ length: 20 }, () => world.project())
  const commands = streams.map((stream, i) => ({
    stream,
    meta: { ...by(`shared-${i}`), expectedRevision: 0 },
    command: create(`p${i}`),
  }))
  for (const { stream, command, meta } of commands.slice(0, 5))
    await other.store.execute(projects, stream, command, meta)
  // On another stream, so that nothing but the command's own key can tell.
  const elsewhere = { stream: world.project(), meta: { ...by('shared-0'), expectedRevision: 0 }, command: create('p0') }
  const settled = await Promise.allSettled(
    [...commands, elsewhere].map(({ stream, command, meta }) => world.store.execute(projects, stream, command, meta)),
  )
  expect(settled.slice(0, 20).every((s) => s.status === 'fulfilled')).toBe(true)
  expect(settled[20]).toMatchObject({ status: 'rejected', reason: { code: 'COMMAND_REUSED' } })
  for (const stream of streams) expect(await world.store.read(stream)).toHaveLength(1)
})

test('a writer is killed between send and answer: a retry with the same id finds the one event', async () => {
  const proxy = await startProxy(world.url)
  const stream = world.project()
  const id = randomUUID()
  const env = {
    PATH: process.env.PATH,
    DB_URL: proxy.url,
    KEYRING: world.keyring,
    STREAM: JSON.stringify(stream),
    COMMAND_ID: id,
  }
  const child = spawn(process.execPath, [new URL('../testkit/writer.ts', import.meta.url).pathname], {
    env,
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  let said = ''
  child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()))
  await vi.waitFor(() => expect(said).toBe('ready\n'), { timeout: 20_000 })
  proxy.swallowAnswers()
  child.stdin.write('go\n')
  // It is written, and the writer cannot know.
  await vi.waitFor(async () => expect(await world.store.findCommand(world.accountId, id)).toBeDefined(), {
    timeout: 20_000,
  })
  child.kill('SIGKILL')
  await once(child, 'exit')
  expect(said).toBe('ready\n')
  const retried = await world.store.execute(projects, stream, rename('second'), { commandId: id, actor: 'user:w' })
  expect(retried).toMatchObject({ repeated: true, revision: 2 })
  expect(await world.store.read(stream)).toHaveLength(2)
  await proxy.close()
})

test('a connection that breaks between send and answer is not noticed by the caller, and the event is there once', async () => {
  const proxy = await startProxy(world.url)
  const sql = connect(proxy.url, { max: 2 })
  const store = createEventStore({ sql, dataKeys: new DataKeys(sql, await openKeyringFile(world.keyring)) })
  const stream = world.project()
  await store.execute(projects, stream, create('x'), by())
  // Both connections know the statement: what is sent is a single message.
  for (const other of Array.from({ length: 6 }, () => world.project())) {
    await store.execute(projects, other, create('x'), by())
    await store.execute(projects, other, rename('y'), by())
  }
  const id = randomUUID()
  proxy.swallowAnswers()
  const pending = store.execute(projects, stream, rename('y'), by(id))
  await vi.waitFor(async () => expect(await world.store.findCommand(world.accountId, id)).toBeDefined(), {
    timeout: 20_000,
  })
  proxy.cut()
  expect(await pending).toMatchObject({ repeated: false, revision: 2 })
  expect(await world.store.read(stream)).toHaveLength(2)
  await disconnect(sql, 1)
  await proxy.close()
})
