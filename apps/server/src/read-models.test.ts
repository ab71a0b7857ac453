import { projects } from '@stewrd/core/projects/projects.ts'
import { randomUUID } from 'node:crypto'
import { expect, test } from 'vitest'
import { createLogger } from './kernel/log.ts'
import { createPlatform } from './platform.ts'
import { streamOf } from './projects/project-of.ts'
import { testPlatform } from './testing/platform.ts'

const log = createLogger({ production: true, logLevel: 'silent' })

test('a view of an older version is rebuilt by the next server that starts, and nobody has to ask for it', async () => {
  const tested = await testPlatform()
  const { platform, env } = tested
  const { accountId } = platform
  const projectId = randomUUID()
  const stream = streamOf(platform, projectId, `project:${projectId}`)
  const meta = { commandId: randomUUID(), actor: 'user:test' }
  await platform.store.execute(projects, stream, { type: 'CreateProject', name: 'Old' }, meta)
  await platform.projector.waitFor(accountId, stream.stream, 1, { timeoutMs: 10_000 })
  await platform.projector.stop()
  await platform.worker`update view_rows set row = row || '{"name": "stale"}' where view = 'projects'`
  const [before] = await platform.worker<{ version: number }[]>`
    update projections p set version = 0 from projections was
    where p.view = 'projects' and was.view = p.view returning was.version`
  const next = await createPlatform(env, { as: 'server', log })
  try {
    const status = async () => (await next.views.status()).find((v) => v.view === 'projects')?.version
    await expect.poll(status, { timeout: 15_000 }).toBe(before!.version)
    expect(await next.views.get('projects', accountId, projectId)).toMatchObject({ name: 'Old' })
  } finally {
    await next.close()
    await tested.close()
  }
})
