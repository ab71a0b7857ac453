import { chmod, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import { checkpointFiles } from '../log/checkpoint-files.ts'
import type { TestPlatform } from '../testing/platform.ts'
import { testPlatform } from '../testing/platform.ts'
import { diagnose } from './doctor.ts'

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
