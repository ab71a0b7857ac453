import { randomBytes } from 'node:crypto'
import { chmod, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { connect, disconnect } from '@stewrd/db/connect.ts'
import { afterAll, afterEach, beforeAll, expect, onTestFinished, test, vi } from 'vitest'
import { checkpointFiles } from '../log/checkpoint-files.ts'
import type { TestPlatform } from '../testing/platform.ts'
import { testPlatform } from '../testing/platform.ts'
import { changeProject, createProject } from '../projects/service.ts'
import { stewrd } from '../testing/server-process.ts'
import { diagnose } from './doctor.ts'
import { systemHealth } from './router.ts'

let tested: TestPlatform
beforeAll(async () => {
  tested = await testPlatform()
})
afterAll(() => tested?.close())
afterEach(() => vi.unstubAllEnvs())

const diagnosis = (variables: Record<string, string> = {}) => {
  const all = { DATABASE_URL: tested.database.url, STEWRD_HOME: tested.env.home, ...variables }
  for (const [name, value] of Object.entries(all)) vi.stubEnv(name, value)
  return diagnose()
}

test('a healthy installation is said to be one', async () => {
  const checks = await diagnosis()
  expect(checks.filter((c) => !c.ok)).toEqual([])
  expect(checks.map((c) => c.check)).toEqual(
    expect.arrayContaining(['configuration', 'home', 'database and keyring', 'log', 'view llm', 'owner account']),
  )
  const said = Object.fromEntries(checks.map((c) => [c.check, c.found]))
  expect(said['database']).toMatch(/^Postgres 18\.\d+, encoding UTF8, connected directly$/)
  expect(said['database logins']).toMatch(
    /^requests sign in as stewrd_app_[0-9a-f]{8}, background work as stewrd_worker_[0-9a-f]{8}$/,
  )
  expect((await systemHealth(tested.platform)).database).toMatchObject({ encoding: 'UTF8', pooler: null, advice: null })
})

test('a server that works under the owner’s login says so, and what to do', async () => {
  const name = `shared_${randomBytes(4).toString('hex')}`
  const admin = connect(tested.database.url, { max: 1, role: null })
  await admin.unsafe(`create role ${name} login password 'x'; grant stewrd_app, stewrd_worker to ${name}`)
  await admin.unsafe(`create database ${name} template template0 owner ${name}`)
  const url = new URL(tested.database.url)
  Object.assign(url, { pathname: `/${name}`, username: name, password: 'x' })
  const home = await mkdtemp(join(tmpdir(), 'stewrd-shared-'))
  const checks = await diagnosis({ DATABASE_URL: url.href, STEWRD_HOME: home })
  expect(checks.find((c) => c.check === 'database logins')).toEqual({
    check: 'database logins',
    ok: false,
    found: `requests sign in as ${name} in the role stewrd_app, background work as ${name} in the role stewrd_worker`,
    mend: expect.stringContaining(`alter role "${name}" createrole`),
  })
  await admin.unsafe(`drop database ${name} with (force)`)
  await admin.unsafe(`drop role ${name}`)
  await disconnect(admin)
  await rm(home, { recursive: true })
})

test('a folder that the server cannot write is found, with what to do', async () => {
  const file = join(tested.env.home, 'keyring.json')
  const checks = await diagnosis({ STEWRD_ANCHOR_DIR: join(file, 'anchors') })
  expect(checks.find((c) => c.check === 'home')).toEqual({
    check: 'home',
    ok: false,
    found: `${join(file, 'anchors')} cannot be written`,
    mend: 'A part of a path is no folder (ENOTDIR). Check STEWRD_HOME, and the path that you named.',
  })
  expect((await systemHealth(tested.platform)).disk).toBeNull()
})

test('a checkpoint that the log does not go on from is found, with what it means', async () => {
  const files = checkpointFiles(tested.env.anchorDir)
  await files.keep(1_000_000, 'somebody else\n1000000\n\n— x\n')
  const checks = await diagnosis()
  await rm((await files.latest())!.path)
  expect(checks.find((c) => c.check === 'log signature')).toMatchObject({
    ok: false,
    found: expect.stringContaining("was not signed by this log's key"),
    mend: expect.stringContaining('docs/formats/log.md'),
  })
})

test('a row that a view goes on without is found and shown; a replay that leaves it out fails and takes no alarm away', async () => {
  const { platform, database, env } = tested
  const owner = connect(database.url, { role: null })
  onTestFinished(() => disconnect(owner))
  const { projectId } = await createProject(platform, { name: 'fine' }, 'user:test')
  await owner`alter table view_rows add constraint no_poison check (row ->> 'name' <> 'poison') not valid`
  await changeProject(platform, projectId, { type: 'RenameProject', name: 'poison' }, {}, 'user:test')
  const other = await createProject(platform, { name: 'another' }, 'user:test')
  const replay = () =>
    stewrd(env.home, ['replay', 'projects', '--json'], { variables: { DATABASE_URL: database.url, NODE_ENV: 'test' } })
  const found = async () => (await diagnosis()).find((c) => c.check === 'view projects')

  expect(await platform.views.get('projects', platform.accountId, other.projectId)).toMatchObject({ name: 'another' })
  const alarm = {
    ok: false,
    found: expect.stringMatching(new RegExp(`^1 row.*${projectId} at event \\d+ \\(23514\\)`)) as string,
  }
  expect(await found()).toMatchObject(alarm)
  const failed = await replay()
  expect([failed.code, failed.json()]).toMatchObject([1, { left_out: 1, equal: true }])
  expect(await found()).toMatchObject(alarm)
  const { views } = await systemHealth(platform)
  expect(views.find(({ view }) => view === 'projects')).toMatchObject({
    stopped: null,
    setAside: { count: 1, rows: [{ key: projectId, projectId, code: '23514' }] },
  })

  await owner`alter table view_rows drop constraint no_poison`
  const mended = await replay()
  expect([mended.code, mended.json()]).toMatchObject([0, { left_out: 0, switched: true }])
  expect(await found()).toMatchObject({ ok: true })
  expect(await platform.views.get('projects', platform.accountId, projectId)).toMatchObject({ name: 'poison' })
})

test('a replaced key that nobody destroyed is found', async () => {
  const { sql, accountId } = tested.platform
  await tested.platform.projector.stop()
  await sql`
    insert into view_rows (account_id, view, slot, key, project_id, sort, row)
    select ${accountId}, view, slot, 'late', ${accountId}, 0, '{"projectId": "late", "held": [], "dueAt": 1}'
    from projections where view = 'held-keys'`
  const checks = await diagnosis()
  await sql`delete from view_rows where key = 'late'`
  expect(checks.find((c) => c.check === 'replaced keys')).toMatchObject({
    ok: false,
    found: '1 project keeps a replaced key that should be destroyed',
  })
})

test('what is wrong is named with what to do about it', async () => {
  const keyring = join(tested.env.home, 'keyring.json')
  await chmod(keyring, 0o644)
  const checks = await diagnosis()
  await chmod(keyring, 0o600)
  expect(checks.find((c) => c.check === 'home')).toMatchObject({
    ok: false,
    mend: expect.stringContaining('chmod 600'),
  })
  expect(checks.at(-1)).toMatchObject({ check: 'database and keyring', ok: false })
})

test('a bad variable ends the diagnosis with its name', async () => {
  expect(await diagnosis({ PORT: 'SENTINEL' })).toMatchObject([
    { check: 'configuration', ok: false, found: expect.stringContaining('PORT') },
  ])
})
