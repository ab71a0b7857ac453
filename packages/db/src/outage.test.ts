import { StoreUnavailable } from '@stewrd/core/kernel/execute.ts'
import { projects } from '@stewrd/core/projects/projects.ts'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openKeyringFile } from '@stewrd/crypto/keyring-file.ts'
import { expect, test, vi } from 'vitest'
import { theAccount } from './accounts.ts'
import { connect, disconnect } from './connect.ts'
import { DataKeys } from './data-keys.ts'
import { startEmbedded } from './embedded/embedded.ts'
import { createEventStore } from './event-store.ts'
import { migrate } from './migrate.ts'
import { Projector } from './projector.ts'
import { Sequencer } from './sequencer.ts'
import { by, createWorld } from './testkit/world.ts'
import { startProxy } from './testkit/proxy.ts'
import { Views } from './views.ts'

test('the database stops and starts again: commands fail as an outage, then everything goes on', async () => {
  const home = await mkdtemp(join(tmpdir(), 'stewrd-outage-'))
  const settings = { fsync: 'off' }
  let pg = await startEmbedded({ home, as: 'server', settings })
  await migrate(pg.url)
  // The port changes with a restart; the wire in between stays.
  let proxy = await startProxy(pg.url)
  const port = new URL(proxy.url).port
  const sql = connect(proxy.url, { max: 4 })
  const worker = connect(proxy.url, { max: 4, role: 'stewrd_worker' })
  const dataKeys = new DataKeys(sql, await openKeyringFile(join(home, 'keyring.json')))
  const projector = new Projector({ sql: worker, dataKeys, node: 'n' })
  const sequencer = new Sequencer({ sql: worker, node: 'n', onLogged: () => projector.poke() })
  const store = createEventStore({ sql, dataKeys, onAppended: () => sequencer.poke() })
  sequencer.start()
  projector.start()
  const { accountId } = await theAccount(sql)
  const projectId = accountId
  const stream = { accountId, projectId, stream: `project:${projectId}` }
  await store.execute(projects, stream, { type: 'CreateProject', name: 'before' }, by())

  await pg.stop()
  await expect(store.execute(projects, stream, { type: 'RenameProject', name: 'lost' }, by())).rejects.toBeInstanceOf(
    StoreUnavailable,
  )
  await proxy.close()

  pg = await startEmbedded({ home, as: 'server', settings })
  proxy = await startProxy(pg.url, Number(port))
  const renamed = await vi.waitFor(
    () => store.execute(projects, stream, { type: 'RenameProject', name: 'after' }, by('after')),
    { timeout: 20_000 },
  )
  expect(renamed.revision).toBe(2)
  expect(await projector.waitFor(accountId, stream.stream, 2, { timeoutMs: 20_000 })).toBe(true)
  expect(await new Views(sql).get('projects', accountId, projectId)).toMatchObject({ name: 'after', revision: 2 })

  await projector.stop()
  await sequencer.stop()
  await Promise.all([disconnect(sql, 1), disconnect(worker, 1)])
  await proxy.close()
  await pg.stop()
  await rm(home, { recursive: true })
})

test('a database that answers nothing any more is an outage for whoever reads, within a bounded time', async () => {
  const world = await createWorld()
  const proxy = await startProxy(world.url)
  const sql = connect(proxy.url, { max: 6 })
  await Promise.all(Array.from({ length: 6 }, () => sql`select pg_sleep(0.05)`))
  const store = createEventStore({ sql, dataKeys: world.dataKeys })
  proxy.swallowAnswers()
  const { accountId, projectId } = world.project()
  const dataKeys = new DataKeys(sql, await openKeyringFile(world.keyring))
  const reads = [
    store.lookup('a hash'),
    store.findCommand(accountId, 'a command'),
    new Views(sql).get('projects', accountId, projectId),
    dataKeys.byId(accountId, projectId, projectId),
  ]
  for (const read of await Promise.allSettled(reads))
    expect(read).toMatchObject({ status: 'rejected', reason: expect.any(StoreUnavailable) })
  await proxy.close()
  await disconnect(sql, 1)
  await world.close()
})

test('closing connections to a server that never answers takes a bounded time', async () => {
  const { createServer } = await import('node:net')
  const mute = createServer(() => {}).listen(0, '127.0.0.1')
  await vi.waitFor(() => expect(mute.listening).toBe(true), 10_000)
  const { port } = mute.address() as { port: number }
  const sql = connect(`postgres://u:p@127.0.0.1:${port}/d`, { max: 1 })
  const pending = sql`select 1`.catch(() => 'failed')
  const began = performance.now()
  await disconnect(sql, 0.2)
  expect(performance.now() - began).toBeLessThan(3000)
  expect(await pending).toBe('failed')
  mute.close()
})
