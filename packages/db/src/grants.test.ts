import { projects } from '@stewrd/core/projects/projects.ts'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { dbError } from './db-error.ts'
import { Sequencer } from './sequencer.ts'
import { by, createWorld } from './testkit/world.ts'
import type { World } from './testkit/world.ts'

let world: World
beforeAll(async () => {
  world = await createWorld()
  await world.store.execute(projects, world.project(), { type: 'CreateProject', name: 'x' }, by())
  const sequencer = new Sequencer({ sql: world.worker, node: 'test' })
  await sequencer.drain()
  await sequencer.stop()
})
afterAll(() => world.close())

const forbidden = [
  `update events set actor = 'somebody else'`,
  'delete from events',
  'truncate events',
  `update log set actor = 'somebody else'`,
  'delete from log',
  'truncate log',
  `update tree_nodes set hash = hash`,
  'delete from tree_nodes',
  `update checkpoints set note = 'another'`,
  'delete from checkpoints',
  'delete from tree_state',
  'delete from heads',
  'delete from data_keys',
  'delete from log_state',
  'drop table events',
  'alter table events disable trigger all',
  'create table mine (id int)',
  'insert into migrations (name, sha256) values ($$0000$$, $$$$)',
]
test.each(forbidden)('the server itself may not: %s', async (statement) => {
  await expect(
    world.sql.unsafe(statement).catch((e: unknown) => Promise.reject(dbError(e) as Error)),
  ).rejects.toMatchObject({ code: '42501' })
})

test('events, the log, its tree and its checkpoints can be read and added to, and nothing else', async () => {
  const grants = await world.owner<{ table: string; privileges: string[] }[]>`
    select table_name as table, array_agg(privilege_type::text order by privilege_type) as privileges
    from information_schema.role_table_grants
    where grantee = 'stewrd_app' and table_name in ('events', 'log', 'tree_nodes', 'checkpoints') group by 1 order by 1`
  expect([...grants]).toEqual([
    { table: 'checkpoints', privileges: ['INSERT', 'SELECT'] },
    { table: 'events', privileges: ['INSERT', 'SELECT'] },
    { table: 'log', privileges: ['INSERT', 'SELECT'] },
    { table: 'tree_nodes', privileges: ['INSERT', 'SELECT'] },
  ])
})

test('an error of the database carries names, never values', async () => {
  const secret = 'a-value-that-must-not-show'
  const failing = world.owner`insert into lookups (hash, account_id, project_id) values (${secret}, ${world.accountId}, null)`
  const error = await failing.then(
    () => undefined,
    (e: unknown) => dbError(e),
  )
  expect(error).toMatchObject({ name: 'DbError', code: '23502', table: 'lookups' })
  expect(JSON.stringify(error) + String(error) + (error as Error).stack).not.toContain(secret)
})
