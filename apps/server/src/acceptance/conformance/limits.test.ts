import { noLimits } from '@stewrd/core/projects/limits.ts'
import { contractErrors } from '@stewrd/core/runs/wire.ts'
import { afterAll, beforeAll, expect } from 'vitest'
import { stewrd } from '../../testing/server-process.ts'
import type { Bed, Project } from './testing/bed.ts'
import { openBed } from './testing/bed.ts'
import { eventsOf } from './testing/clients.ts'
import { conforms, conformsOnBoth } from './testing/conform.ts'

let bed: Bed
beforeAll(async () => {
  bed = await openBed({
    variables: {
      STEWRD_METERING: 'on',
      STEWRD_RATE_LIMIT_PER_MINUTE: '',
      STEWRD_SESSION_LIMIT: '3',
      STEWRD_FILES_LIMIT: '1',
    },
  })
}, 60_000)
afterAll(() => bed?.close())
const theBed = () => bed

type Body = { usage: Record<string, number>; error?: { code: string; message: string } }
const hi = { message: 'Hi', stream: false }
async function run({ apiKey }: Pick<Project, 'apiKey'>, body: object = hi) {
  const response = await bed.call('POST', '/v1/agent', body, { apiKey })
  return { status: response.status, headers: response.headers, body: (await response.json()) as Body }
}
const command = async (...args: string[]) => {
  const done = await stewrd(bed.home, ['--json', ...args], { variables: bed.variables })
  expect(done).toMatchObject({ code: 0 })
  return done.json() as { credits: number }
}
type Usage = { account: Record<string, unknown> & { credits_remaining: number } }
const usage = async () => (await (await bed.call('GET', '/v1/usage')).json()) as Usage
const balance = async () => (await usage()).account.credits_remaining

conforms('credits: 200 free a month, granted ones after them', async () => {
  expect(await command('credits', 'balance')).toMatchObject({ credits: 200 })
  await command('credits', 'grant', '50')
  expect(await balance()).toBe(250)
  expect((await usage()).account).toMatchObject({ metering: true, credits_remaining: 250, free_credits_remaining: 200 })
  await run(await bed.newProject(bed.sides.double.model))
  expect((await usage()).account).toMatchObject({ credits_remaining: 249, free_credits_remaining: 199 })
})

conformsOnBoth('credits: a run costs the sum of its capabilities, the same when streamed', theBed, async (side) => {
  const { usage } = (await run(side, { ...hi, capabilities: ['chat'] })).body
  expect(usage['credits_this_request']).toBe(1)
  const text = await (await bed.call('POST', '/v1/agent', { ...hi, stream: true }, side)).text()
  const done = eventsOf(text).at(-1)!.data
  expect(done).toMatchObject({ credits_this_request: 1, credits_remaining: usage['credits_remaining']! - 1 })
})

conformsOnBoth(
  'credits: taken before the run, and given back when it fails on the server’s or provider’s side',
  theBed,
  async (side) => {
    const before = await balance()
    side.model.fail('not-found')
    expect((await run(side)).status).toBe(424)
    expect(await balance()).toBe(before)
    side.model.fail(undefined)
    expect((await run(side)).body.usage['credits_remaining']).toBe(before - 1)
  },
)

conforms('error: rate_limited', async () => {
  bed.calm()
  const project = await bed.newProject(bed.sides.double.model)
  const answers = await Promise.all(Array.from({ length: 70 }, () => run(project)))
  const refused = answers.filter(({ status }) => status === 429)
  expect([answers.filter(({ status }) => status === 200).length, refused.length]).toEqual([60, 10])
  for (const { body, headers } of refused) {
    expect(body.error).toMatchObject({ code: 'rate_limited' })
    expect(Number(headers.get('retry-after'))).toBeGreaterThan(0)
    expect([headers.get('x-ratelimit-limit'), headers.get('x-ratelimit-remaining')]).toEqual(['60', '0'])
  }
  const limits = { ...noLimits, runsPerMinute: 0 }
  await bed.client.projects.changeLimits.mutate({ projectId: project.projectId, limits })
  await expect.poll(async () => (await run(project)).status, { timeout: 5000 }).toBe(200)
})

conforms('error: session_limit_reached', async () => {
  const { apiKey } = await bed.newProject(null)
  const open = () => bed.call('POST', '/v1/sessions', undefined, { apiKey })
  for (let n = 0; n < 3; n++) expect((await open()).status).toBe(201)
  const refused = await open()
  expect([refused.status, await refused.json()]).toMatchObject([429, { error: { code: 'session_limit_reached' } }])
})

conforms('error: storage_limit_reached', async () => {
  const { apiKey } = await bed.newProject(null)
  const upload = () => {
    const body = new FormData()
    body.append('file', new Blob(['x']), 'a.txt')
    const headers = { authorization: `Bearer ${apiKey}` }
    return fetch(`${bed.server.url}/v1/files`, { method: 'POST', headers, body })
  }
  expect((await upload()).status).toBe(201)
  const refused = await upload()
  expect([refused.status, await refused.json()]).toMatchObject([413, { error: { code: 'storage_limit_reached' } }])
})

conforms('error: budget_exceeded', async () => {
  bed.calm()
  const project = await bed.newProject(bed.sides.double.model)
  const limits = { ...noLimits, monthlyTokens: 1 }
  await bed.client.projects.changeLimits.mutate({ projectId: project.projectId, limits })
  expect((await run(project)).status).toBe(200)
  const { budget_exceeded: status } = contractErrors
  await expect
    .poll(() => run(project), { timeout: 10_000, interval: 300 })
    .toMatchObject({ status, body: { error: { code: 'budget_exceeded' } } })
})

conforms('error: insufficient_credits', async () => {
  bed.calm()
  const project = await bed.newProject(bed.sides.double.model)
  await bed.client.projects.changeLimits.mutate({
    projectId: project.projectId,
    limits: { ...noLimits, runsPerMinute: 0 },
  })
  const left = await balance()
  const answers = await Promise.all(Array.from({ length: left + 5 }, () => run(project)))
  const refused = answers.filter(({ status }) => status === 402)
  expect([answers.filter(({ status }) => status === 200).length, refused.length]).toEqual([left, 5])
  for (const { body } of refused)
    expect(body.error).toMatchObject({ code: 'insufficient_credits', message: 'No credits remaining.' })
  expect(await balance()).toBe(0)
})
