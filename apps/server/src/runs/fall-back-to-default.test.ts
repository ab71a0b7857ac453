import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import type { Bed } from './v1.testing.ts'
import { answered, frames, keyA, keyB, openBed } from './v1.testing.ts'

// The server's own model is o1, on keyA; the project's is gpt-4o, on keyB.
let bed: Bed
let project: { projectId: string; apiKey: string }
beforeAll(async () => {
  bed = await openBed({ ownModel: true })
  project = await bed.newProject({ key: keyB })
})
afterAll(() => bed?.close())
afterEach(() => {
  bed.upstream.setKeys([keyA, keyB])
  bed.upstream.fail(undefined)
  bed.upstream.reply(undefined)
})

const allow = (allowed: boolean) =>
  bed.server.client.projects.switchDefaultModel.mutate({ projectId: project.projectId, allowed })
const run = (body: object = {}) => bed.post({ message: 'Hi', stream: false, ...body }, project)

test('a run fails as its provider does, unless the project lets it go on with the server’s model', async () => {
  bed.upstream.setKeys([keyA])
  const refused = await run()
  expect([refused.status, (await answered(Promise.resolve(refused))).error!.code]).toEqual([
    424,
    'provider_key_rejected',
  ])
  await allow(true)
  const answer = await answered(run())
  expect(answer.message).toBe('Hello from the upstream.')
  expect(answer.meta).toMatchObject({ key_source: 'default', model: 'o1' })
  expect(answer.meta).not.toHaveProperty('key_fingerprint')
  const { events, keySource, model } = await bed.server.client.runs.get.query({
    projectId: project.projectId,
    runId: answer.id,
  })
  expect([keySource, model]).toEqual(['default', 'o1'])
  expect(events.map(({ event }) => event.type)).toEqual([
    'RunStarted',
    'RunFellBack',
    'RunReconfigured',
    'ModelAnswered',
    'RunCompleted',
  ])
  expect(events[1]!.event.data).toEqual({ code: 'provider_key_rejected' })
  await allow(false)
  expect((await run()).status).toBe(424)
})

test('a stream that has sent nothing yet falls back too; one that has breaks off', async () => {
  await allow(true)
  bed.upstream.setKeys([keyA])
  const whole = frames(await (await run({ stream: true })).text())
  expect(whole.at(-1)).toMatchObject({ event: 'done', data: { meta: { key_source: 'default' } } })
  bed.upstream.setKeys([keyA, keyB])
  bed.upstream.fail('truncate')
  const broken = frames(await (await run({ stream: true })).text())
  expect(broken.at(-1)).toMatchObject({ event: 'error', data: { code: 'compute_error' } })
})

test('when the server’s model fails as well, that is what is told; a project that works never uses it', async () => {
  await allow(true)
  bed.upstream.setKeys([])
  expect((await answered(run())).error!.code).toBe('provider_key_rejected')
  bed.upstream.setKeys([keyA, keyB])
  const before = bed.upstream.seen.length
  expect((await answered(run())).meta).toMatchObject({ key_source: 'project', model: 'gpt-4o' })
  expect(bed.upstream.seen.slice(before).map(({ key }) => key)).toEqual([keyB])
})

test('what the switch says is what a page sees', async () => {
  const ask = () => bed.server.client.projects.fallback.query({ projectId: project.projectId })
  await allow(true)
  expect(await ask()).toEqual({ allowed: true, model: 'o1' })
  await allow(false)
  expect(await ask()).toEqual({ allowed: false, model: 'o1' })
})
