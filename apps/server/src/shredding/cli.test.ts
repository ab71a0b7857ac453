import { afterAll, beforeAll, expect, test } from 'vitest'
import { createProject } from '../projects/service.ts'
import { stewrd } from '../testing/server-process.ts'
import type { TestPlatform } from '../testing/platform.ts'
import { testPlatform } from '../testing/platform.ts'

let tested: TestPlatform
let project: string
beforeAll(async () => {
  tested = await testPlatform()
  project = (await createProject(tested.platform, { name: 'Support desk' }, 'operator:test')).projectId
})
afterAll(() => tested?.close())
const run = (...args: string[]) => stewrd(tested.env.home, args, { variables: { DATABASE_URL: tested.database.url } })
const cli = (...args: string[]) => run('project', ...args)

test('a project is shredded by its name only, can be taken back, and then not any more', async () => {
  const wrong = await cli('shred', project, '--confirm', 'Support')
  expect([wrong.code, wrong.stderr]).toEqual([1, expect.stringContaining('The name does not match.')])
  const asked = (await cli('shred', project, '--confirm', 'Support desk', '--json')).json()
  expect(asked).toMatchObject({ project_id: project, state: 'requested', shredded_at: null })
  expect((await cli('cancel-shred', project)).stdout).toContain('The project is not to be shredded.')
  const done = await cli('shred', project, '--confirm', 'Support desk', '--now')
  expect(done.stdout).toContain('The project is shredded: nothing of it can be read here.')
  expect(done.stdout).toMatch(/until these master keys are destroyed: \S+\/1\./)
  const late = await cli('cancel-shred', project)
  expect([late.code, late.stderr]).toEqual([1, expect.stringContaining('This project was shredded')])
  expect((await cli('list', '--json')).lines()).toEqual([
    expect.objectContaining({ project_id: project, status: 'shredded', shredding: 'pending' }),
  ])
  const told = await run('history', project)
  expect([told.code, told.stdout]).toEqual([
    0,
    expect.stringContaining('(ProjectCreated) whose contents were shredded'),
  ])
}, 60_000)
